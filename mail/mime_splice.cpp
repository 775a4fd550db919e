// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_splice.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "mail/retyped_part.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

Error internal(const char* text) {
    return {ErrorCode::kInternal, text};
}

Error too_late() {
    return {ErrorCode::kDeadline, "deadline"};
}

// A new body must be clean base64 that says what its optimizer said, in the old body's line ends. Base64
// holds no '-', so no boundary can come to stand at a line start.
Status check_replacement(ByteView body, const MimeIndex& index, const PartReplacement& replacement) {
    if (replacement.part >= index.parts.size()) return internal("a replacement for a part that is not there");
    const Part& part = index.parts[replacement.part];
    if (part.multipart || part.encoding != TransferEncoding::kBase64)
        return internal("a replacement for a part that is no base64 leaf");
    const auto before = inspect_base64(slice(body, part.body), part.crlf);
    if (!before) return internal("a replacement for a part whose base64 is not clean");
    const auto after = inspect_base64(as_bytes(replacement.body), before->crlf);
    if (!after) return internal("a new part body that is not clean base64");
    if (after->decoded_size != replacement.decoded_size) return internal("a new part body of a wrong size");
    if (after->crlf != before->crlf) return internal("a new part body with other line ends");
    return Success{};
}

// The header's edits of a part: its size= and, when it became PNG, its type and names; in the order of the
// body.
Status append_header_edits(ByteView body, const Part& part, const PartReplacement& replacement,
                           std::vector<TextEdit>& edits) {
    std::vector<TextEdit> own;
    if (replacement.to_png) {
        auto retyped = edits_to_png(body, part);
        if (!retyped) return retyped.error();
        own = std::move(*retyped);
    }
    if (part.size_value) own.push_back({*part.size_value, std::to_string(replacement.decoded_size)});
    std::sort(own.begin(), own.end(),
              [](const TextEdit& a, const TextEdit& b) { return a.range.begin < b.range.begin; });
    std::move(own.begin(), own.end(), std::back_inserter(edits));
    return Success{};
}

// All edits in the order of the old body: a part's header stands before its body.
Result<std::vector<TextEdit>> edits_of(ByteView body, const MimeIndex& index,
                                       std::vector<PartReplacement>& replacements, Deadline deadline) {
    std::vector<TextEdit> edits;
    std::sort(replacements.begin(), replacements.end(),
              [](const PartReplacement& a, const PartReplacement& b) { return a.part < b.part; });
    for (std::size_t i = 0; i < replacements.size(); ++i) {
        PartReplacement& replacement = replacements[i];
        if (deadline.expired()) return too_late();
        if (i > 0 && replacements[i - 1].part == replacement.part)
            return internal("two replacements for one part");
        if (Status checked = check_replacement(body, index, replacement); !checked) return checked.error();
        const Part& part = index.parts[replacement.part];
        if (Status added = append_header_edits(body, part, replacement, edits); !added) return added.error();
        edits.push_back({part.body, std::move(replacement.body)});
    }
    for (std::size_t i = 1; i < edits.size(); ++i)
        if (edits[i].range.begin < edits[i - 1].range.end) return internal("replacements that overlap");
    return edits;
}

std::size_t size_after(ByteView body, const std::vector<TextEdit>& edits) {
    std::size_t size = body.size();
    for (const TextEdit& edit : edits) size = size - edit.range.size() + edit.text.size();
    return size;
}

Result<Memfd> write_body(ByteView body, const std::vector<TextEdit>& edits) {
    auto file = Memfd::create("optimilter-body");
    if (!file) return file;
    std::size_t at = 0;
    for (const TextEdit& edit : edits) {
        if (Status s = file->append(slice(body, {at, edit.range.begin})); !s) return s.error();
        if (Status s = file->append(as_bytes(edit.text)); !s) return s.error();
        at = edit.range.end;
    }
    if (Status s = file->append(slice(body, {at, body.size()})); !s) return s.error();
    return file;
}

bool same_bytes(ByteView a, ByteView b) {
    return as_text(a) == as_text(b);
}

// Reads the new body from its start and finds the old bytes and the edits in it, nothing else.
bool only_edits_differ(ByteView before, ByteView after, const std::vector<TextEdit>& edits) {
    std::size_t old_at = 0, new_at = 0;
    const auto take = [&](ByteView expected) {
        if (after.size() - new_at < expected.size()) return false;
        const bool same = same_bytes(after.subspan(new_at, expected.size()), expected);
        new_at += expected.size();
        return same;
    };
    for (const TextEdit& edit : edits) {
        if (!take(slice(before, {old_at, edit.range.begin})) || !take(as_bytes(edit.text))) return false;
        old_at = edit.range.end;
    }
    return take(slice(before, {old_at, before.size()})) && new_at == after.size();
}

// What a reader makes of the part, apart from the bytes of its body.
bool same_part(const Part& a, const Part& b) {
    return a.parent == b.parent && a.depth == b.depth && a.multipart == b.multipart &&
           a.encoding == b.encoding && a.fields.size() == b.fields.size() &&
           a.size_value.has_value() == b.size_value.has_value();
}

// Type and name are the old ones, or those of a picture that became PNG.
bool same_kind(const Part& a, const Part& b, bool to_png) {
    if (!to_png) return a.type == b.type && a.file_name == b.file_name;
    return b.type == kPngType && b.file_name == png_name(a.file_name);
}

// Where an offset of the old body stands in the new one. No edit is empty and none covers another range's
// end, so it moves by what the edits before it took and gave.
class Shift {
  public:
    explicit Shift(const std::vector<TextEdit>& edits) : edits_(edits) {
        std::size_t removed = 0, added = 0;
        for (const TextEdit& edit : edits) {
            removed += edit.range.size();
            added += edit.text.size();
            sums_.push_back({removed, added});
        }
    }
    ByteRange moved(ByteRange range) const { return {moved(range.begin), moved(range.end)}; }

  private:
    std::size_t moved(std::size_t offset) const {
        const auto after = std::partition_point(
            edits_.begin(), edits_.end(), [&](const TextEdit& edit) { return edit.range.end <= offset; });
        if (after == edits_.begin()) return offset;
        const auto& [removed, added] = sums_[static_cast<std::size_t>(after - edits_.begin()) - 1];
        return offset - removed + added;
    }

    const std::vector<TextEdit>& edits_;
    std::vector<std::pair<std::size_t, std::size_t>> sums_;  // bytes removed and added up to each edit
};

// The new index must be the old one moved by the edits.
Status check_structure(const MimeIndex& before, const MimeIndex& after, const std::vector<TextEdit>& edits,
                       const std::vector<std::uint32_t>& to_png) {
    if (before.parts.size() != after.parts.size()) return internal("the new body has other parts");
    const Shift shift(edits);
    for (std::size_t i = 0; i < before.parts.size(); ++i) {
        const Part& a = before.parts[i];
        const Part& b = after.parts[i];
        const bool became_png = std::find(to_png.begin(), to_png.end(), a.index) != to_png.end();
        if (!same_part(a, b) || !same_kind(a, b, became_png) || shift.moved(a.header) != b.header ||
            shift.moved(a.body) != b.body)
            return internal("a part of the new body is not where it was");
    }
    return Success{};
}

}  // namespace

Result<Memfd> splice(const HeaderFields& fields, ByteView body, const MimeIndex& index,
                     std::vector<PartReplacement> replacements, const MimeLimits& limits, Deadline deadline) {
    std::vector<std::uint32_t> to_png;
    for (const PartReplacement& replacement : replacements)
        if (replacement.to_png) to_png.push_back(replacement.part);
    const auto edits = edits_of(body, index, replacements, deadline);
    if (!edits) return edits.error();
    if (size_after(body, *edits) >= body.size())
        return Error{ErrorCode::kLimit, "the new body would not be smaller"};
    if (deadline.expired()) return too_late();
    auto file = write_body(body, *edits);
    if (!file) return file;
    if (deadline.expired()) return too_late();
    const auto mapping = Mapping::of(file->fd(), file->size());
    if (!mapping) return mapping.error();
    if (!only_edits_differ(body, mapping->bytes(), *edits))
        return internal("the new body differs outside replaced parts");
    if (deadline.expired()) return too_late();
    const auto after = index_message(fields, mapping->bytes(), limits);
    if (!after) return internal("the new body cannot be read again");
    if (Status checked = check_structure(index, *after, *edits, to_png); !checked) return checked.error();
    return file;
}

}  // namespace optimilter
