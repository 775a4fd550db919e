// SPDX-License-Identifier: Apache-2.0
//
// A mail as it lies in a .eml file: index, refusals, and a splice that halves some base64 parts.
// Promises: ranges lie in the body and in each other; splice gives the old bytes with new bodies and nothing
// else, or says that this is not smaller; the result has the same parts for us and for mimetic.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "fuzz/halved_mail.hpp"
#include "fuzz/mimetic_view.hpp"
#include "mail/untouchable.hpp"

namespace optimilter::fuzz {

namespace {

bool within(std::string_view inner, ByteView outer) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(inner.data());
    return inner.empty() || (begin >= outer.data() && begin + inner.size() <= outer.data() + outer.size());
}

void check_part(const MimeIndex& index, const Part& part, ByteView body, ByteView text) {
    promise(part.body.begin <= part.body.end && part.body.end <= body.size(),
            "a part's body lies in the body");
    for (const HeaderField& field : part.fields)
        promise(within(field.name, text) && within(field.value, text), "fields are views into the mail");
    if (part.index == 0) return;
    const Part& parent = index.parts.at(part.parent);
    promise(part.parent < part.index && parent.multipart && part.depth == parent.depth + 1,
            "the parts are a tree");
    promise(part.header.end <= part.body.begin && part.header.begin >= parent.body.begin &&
                part.body.end <= parent.body.end,
            "a part lies within its parent");
    if (part.size_value)
        promise(part.size_value->begin >= part.header.begin && part.size_value->end <= part.header.end,
                "size= lies within its header");
}

void check_index(const HalvedMail& mail, ByteView body, ByteView text) {
    promise(!mail.index.parts.empty(), "there is always the message itself");
    for (std::size_t i = 0; i < mail.index.parts.size(); ++i) {
        promise(mail.index.parts[i].index == i, "parts know their place");
        check_part(mail.index, mail.index.parts[i], body, text);
        untouchable_part(mail.index, mail.index.parts[i]);
    }
    untouchable_headers(mail.before.fields, false, {});
    untouchable_message(mail.index, body);
}

void check_index_after(const HalvedMail& mail) {
    const auto again = index_message(mail.before.fields, as_bytes(*mail.spliced));
    promise(again.has_value(), "the new body can be read");
    promise(again->parts.size() == mail.index.parts.size(), "the new body has the same parts");
    for (const PartReplacement& made : mail.replacements) {
        const ByteRange range = again->parts.at(made.part).body;
        promise(as_text(slice(as_bytes(*mail.spliced), range)) == made.body,
                "the new part is where the old was");
    }
}

std::string without_cr(std::string_view text) {
    std::string copy(text);
    std::erase(copy, '\r');
    return copy;
}

// All that is replaced, written anew, so that texts from before and after the splice become the same.
std::string renewed(std::string text, const std::vector<std::pair<std::string, std::string>>& pairs) {
    for (const auto& [old_text, new_text] : pairs)
        for (std::size_t at = text.find(old_text); at != text.npos;
             at = text.find(old_text, at + new_text.size()))
            text.replace(at, old_text.size(), new_text);
    return text;
}

std::vector<std::pair<std::string, std::string>> replaced_texts(const HalvedMail& mail, ByteView body) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const PartReplacement& made : mail.replacements) {
        const Part& part = mail.index.parts.at(made.part);
        pairs.emplace_back(without_cr(as_text(slice(body, part.body))), without_cr(made.body));
    }
    std::sort(pairs.begin(), pairs.end(),
              [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
    return pairs;
}

bool sizes_change(const HalvedMail& mail) {
    return std::any_of(mail.replacements.begin(), mail.replacements.end(), [&](const PartReplacement& made) {
        return mail.index.parts.at(made.part).size_value.has_value();
    });
}

// What mimetic takes for a text may hold the fields of a part of ours, with a size= that was corrected.
std::string without_digits(std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
}

// Where mimetic saw the old mail otherwise than we did, it must go on seeing it so.
void check_mimetic(const HalvedMail& mail, ByteView text, ByteView body) {
    const std::string head = string_of(text.first(mail.before.body.begin));
    const auto before = entities_by_mimetic(as_text(text));
    const auto after = entities_by_mimetic(head + *mail.spliced);
    if (!before || !after) return;
    promise(before->size() == after->size(), "mimetic sees as many entities as before");
    const auto pairs = replaced_texts(mail, body);
    const bool sized = sizes_change(mail);
    const auto comparable = [&](const std::string& seen) {
        return sized ? without_digits(renewed(seen, pairs)) : renewed(seen, pairs);
    };
    for (std::size_t i = 0; i < before->size(); ++i) {
        const SeenEntity& a = (*before)[i];
        const SeenEntity& b = (*after)[i];
        promise(a.depth == b.depth, "mimetic sees the same tree");
        promise(comparable(a.fields) == comparable(b.fields), "mimetic sees the same fields");
        promise(comparable(a.text) == comparable(b.text), "mimetic sees the same texts");
    }
}

void run(ByteView text) {
    const std::uint64_t hash = hash_of(text);
    const auto mail =
        halve_mail(text, [&](const Part& part) { return hash % 4 == 0 || hash >> (part.index % 60) & 1; });
    if (!mail) return;
    const ByteView body = slice(text, mail->before.body);
    check_index(*mail, body, text);
    if (!mail->spliced) {
        promise(mail->spliced.error().code == ErrorCode::kLimit, "splice fails by size alone",
                mail->spliced.error().text);
        promise(mail->expected.size() >= body.size(), "splice makes what is smaller");
        return;
    }
    promise(*mail->spliced == mail->expected, "splice changes the replaced bodies and nothing else");
    check_index_after(*mail);
    check_mimetic(*mail, text, body);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
