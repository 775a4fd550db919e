// SPDX-License-Identifier: Apache-2.0
#include "fuzz/halved_mail.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/memfd.hpp"
#include "fuzz/fuzz_target.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter::fuzz {

namespace {

std::optional<PartReplacement> halved(ByteView body, const Part& part) {
    if (part.multipart || part.encoding != TransferEncoding::kBase64) return std::nullopt;
    const ByteView old_body = slice(body, part.body);
    const auto layout = inspect_base64(old_body, part.crlf);
    if (!layout || layout->decoded_size < 2) return std::nullopt;
    const Bytes raw = decode_base64(old_body, *layout);
    promise(raw.size() == layout->decoded_size, "decoded_size is what decodes");
    const std::size_t half = raw.size() / 2;
    return PartReplacement{part.index, encode_base64(ByteView(raw).first(half), *layout, old_body), half};
}

std::string put_together(ByteView body, const MimeIndex& index, const std::vector<PartReplacement>& made) {
    std::map<std::size_t, std::pair<std::size_t, std::string>> edits;  // begin: end, text
    for (const PartReplacement& one : made) {
        const Part& part = index.parts.at(one.part);
        edits[part.body.begin] = {part.body.end, one.body};
        if (part.size_value)
            edits[part.size_value->begin] = {part.size_value->end, std::to_string(one.decoded_size)};
    }
    std::string text;
    std::size_t at = 0;
    for (const auto& [begin, edit] : edits) {
        promise(begin >= at && edit.first <= body.size(), "ranges of parts do not overlap");
        text += as_text(slice(body, {at, begin}));
        text += edit.second;
        at = edit.first;
    }
    return text += as_text(body.subspan(at));
}

Result<std::string> splice_text(const HalvedMail& mail, ByteView body) {
    const auto file = splice(mail.before.fields, body, mail.index, mail.replacements);
    if (!file) return file.error();
    const auto mapping = Mapping::of(file->fd(), file->size());
    if (!mapping) return mapping.error();
    return string_of(mapping->bytes());
}

}  // namespace

Result<HalvedMail> halve_mail(ByteView text, const std::function<bool(const Part&)>& chosen) {
    HalvedMail mail;
    auto split = split_message(text);
    if (!split) return split.error();
    mail.before = std::move(*split);
    const ByteView body = slice(text, mail.before.body);
    auto index = index_message(mail.before.fields, body);
    if (!index) return index.error();
    mail.index = std::move(*index);
    for (const Part& part : mail.index.parts) {
        if (!chosen(part)) continue;
        if (auto replacement = halved(body, part)) mail.replacements.push_back(std::move(*replacement));
    }
    mail.expected = put_together(body, mail.index, mail.replacements);
    mail.spliced = splice_text(mail, body);
    return mail;
}

}  // namespace optimilter::fuzz
