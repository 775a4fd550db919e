// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>

#include "optimizers/ole_comparison.hpp"

namespace optimilter {

namespace {

// Offset and size before -> offset and size after.
using Moves = std::map<std::pair<std::size_t, std::size_t>, std::pair<std::size_t, std::size_t>>;

constexpr std::size_t kHeader = 8;
constexpr std::uint16_t kEntryType = 0xF007;
// Marked as a container by PowerPoint 2007 and later, though a ZIP package is in it ([MS-PPT] 2.11.13).
constexpr std::uint16_t kTableStyles = 0x0428;

// The record at the start of bytes with its header; empty when it is not whole.
ByteView record_of(ByteView bytes) {
    if (bytes.size() < kHeader) return {};
    const std::uint64_t size = std::uint64_t{read_le32(&bytes[4])} + kHeader;
    return size <= bytes.size() ? bytes.first(static_cast<std::size_t>(size)) : ByteView();
}

// How many zeros fill a short stream up to 4096 bytes from here on.
std::size_t zeros_to_4096(ByteView bytes, std::size_t at) {
    const std::size_t end = std::min<std::size_t>(bytes.size(), 4096);
    std::size_t zeros = at;
    while (zeros < end && bytes[zeros] == 0) ++zeros;
    return zeros == end && at < end ? end - at : 0;
}

// Both streams from here to their ends.
std::string compare_pictures(OleComparison& comparison, ByteView before, ByteView after, std::size_t begin,
                             Moves& moves) {
    if (after.size() < begin ||
        !std::equal(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(begin), after.begin())) {
        return "stream differs before its pictures";
    }
    ByteView old_rest = before.subspan(begin);
    ByteView new_rest = after.subspan(begin);
    for (std::size_t index = 0; !old_rest.empty(); ++index) {
        const ByteView was = record_of(old_rest);
        const ByteView is = record_of(new_rest);
        if (was.empty() || is.empty()) return "pictures do not fill their stream";
        if (std::string why = compare_blips(comparison, index, was, is); !why.empty()) return why;
        moves[{before.size() - old_rest.size(), was.size()}] = {after.size() - new_rest.size(), is.size()};
        old_rest = old_rest.subspan(was.size());
        new_rest = new_rest.subspan(is.size());
    }
    return new_rest.empty() ? "" : "picture stream has bytes at its end";
}

// An entry of the blip store: all but size and offset as it was, and those lead to the same picture.
std::string compare_entry(Bytes was, Bytes is, const Moves& moves) {
    constexpr std::size_t kSizeAt = 28;
    constexpr std::size_t kOffsetAt = 36;
    if (was == is) {
        // Right only when the picture has not moved, or is not in the stream at all.
        const auto move = moves.find({read_le32(&was[kOffsetAt]), read_le32(&was[kSizeAt])});
        return move == moves.end() || move->first == move->second ? "" : "picture store leads astray";
    }
    const auto move = moves.find({read_le32(&was[kOffsetAt]), read_le32(&was[kSizeAt])});
    if (move == moves.end()) return "entry of the picture store differs";
    if (read_le32(&is[kOffsetAt]) != move->second.first || read_le32(&is[kSizeAt]) != move->second.second) {
        return "picture store leads astray";
    }
    std::copy_n(&was[kSizeAt], 4, &is[kSizeAt]);
    std::copy_n(&was[kOffsetAt], 4, &is[kOffsetAt]);
    return was == is ? "" : "entry of the picture store differs";
}

// Calls seen(offset, record) for every record but containers, whose header alone is shown: the records inside
// follow each other all the same. false when they and such zeros do not fill the bytes.
bool visit_records(ByteView bytes, const std::function<void(std::size_t, ByteView)>& seen) {
    for (std::size_t at = 0; at < bytes.size();) {
        if (const std::size_t zeros = zeros_to_4096(bytes, at); zeros > 0) {
            at += zeros;
            continue;
        }
        ByteView record = record_of(bytes.subspan(at));
        if (record.empty()) return false;
        const std::uint16_t type = read_le16(&record[2]);
        const bool leaf = type == kEntryType || type == kTableStyles;
        if ((record[0] & 0xF) == 0xF && !leaf) record = record.first(kHeader);
        seen(at, record);
        at += record.size();
    }
    return true;
}

// The records of the store, within a stream of which nothing else may differ.
std::string compare_store(ByteView before, ByteView after, ByteRange records, const Moves& moves) {
    if (before.size() != after.size()) return "stream of the picture store differs in size";
    Bytes expected(after.begin(), after.end());
    std::string why;
    const bool whole = visit_records(slice(before, records), [&](std::size_t at, ByteView was) {
        const std::size_t place = records.begin + at;
        if (read_le16(&was[2]) != kEntryType || was.size() < 44 || !why.empty()) return;
        const ByteView is = after.subspan(place, was.size());
        why = compare_entry({was.begin(), was.end()}, {is.begin(), is.end()}, moves);
        std::copy(was.begin(), was.end(), expected.begin() + static_cast<std::ptrdiff_t>(place));
    });
    if (!whole) return "records of the picture store do not fit";
    if (!why.empty()) return why;
    return std::equal(before.begin(), before.end(), expected.begin()) ? ""
                                                                      : "stream of the picture store differs";
}

// Where the pictures at the end of a Word document begin: the first place an entry names from which records
// reach the end.
std::size_t tail_of(ByteView stream, ByteView store) {
    std::vector<std::size_t> offsets;
    visit_records(store, [&](std::size_t, ByteView record) {
        if (read_le16(&record[2]) == kEntryType && record.size() >= 44)
            offsets.push_back(read_le32(&record[36]));
    });
    std::sort(offsets.begin(), offsets.end());
    for (const std::size_t offset : offsets) {
        if (offset >= stream.size()) break;
        ByteView rest = stream.subspan(offset);
        while (!rest.empty()) {
            const ByteView record = record_of(rest);
            const bool picture =
                !record.empty() && read_le16(&record[2]) >= 0xF018 && read_le16(&record[2]) <= 0xF117;
            if (!picture) break;
            rest = rest.subspan(record.size());
        }
        if (rest.empty()) return offset;
    }
    return stream.size();
}

}  // namespace

std::string compare_blips(OleComparison& comparison, std::size_t index, ByteView was, ByteView is) {
    if (was.size() == is.size() && std::equal(was.begin(), was.end(), is.begin())) {
        return comparison.change_is_next(index) ? "a change is claimed where there is none" : "";
    }
    // [MS-ODRAW] 2.2.27 to 2.2.30: an even instance has one digest, an odd one two.
    const std::size_t digests = 1 + ((was[0] >> 4) & 1u);
    const std::size_t front = kHeader + 16 * digests + 1;
    if (was.size() <= front || is.size() <= front) return "picture record is cut";
    if (!std::equal(was.begin(), was.begin() + 4, is.begin()) ||
        !std::equal(was.begin() + 8, was.begin() + static_cast<std::ptrdiff_t>(front), is.begin() + 8)) {
        return "picture record differs";
    }
    return comparison.expect_change(index, was.subspan(front), is.subspan(front));
}

std::string compare_ppt(OleComparison& comparison) {
    const std::size_t document = comparison.find("PowerPoint Document");
    const std::size_t pictures = comparison.find("Pictures");
    if (pictures == comparison.before.size()) return {};
    Moves moves;
    std::string why = compare_pictures(comparison, comparison.before[pictures].content,
                                       comparison.after[pictures].content, 0, moves);
    if (!why.empty()) return why;
    const Bytes& was = comparison.before[document].content;
    comparison.explained[document] = comparison.explained[pictures] = true;
    return compare_store(was, comparison.after[document].content, {0, was.size()}, moves);
}

std::string compare_doc(OleComparison& comparison) {
    const std::size_t document = comparison.find("WordDocument");
    const Bytes& was = comparison.before[document].content;
    Bytes is = comparison.after[document].content;
    if (was.size() < 0x382 || is.size() < 0x382) return "document is cut";
    const std::size_t table = comparison.find((was[0x0B] & 2) != 0 ? "1Table" : "0Table");
    if (table == comparison.before.size()) return "document without its table stream";
    // The size of the stream, as the document tells it (FibRgLw97.cbMac).
    if (read_le32(&was[0x40]) != was.size() || read_le32(&is[0x40]) != is.size()) return "document's size";
    write_le32(&is[0x40], static_cast<std::uint32_t>(was.size()));

    const Bytes& store = comparison.before[table].content;
    const std::size_t begin = read_le32(&was[0x22A]);
    if (begin > store.size()) return "drawings beyond the table stream";
    const ByteView group = record_of(ByteView(store).subspan(begin));
    Moves moves;
    std::string why = compare_pictures(comparison, was, is, tail_of(was, group), moves);
    if (!why.empty()) return why;
    comparison.explained[document] = comparison.explained[table] = true;
    return compare_store(store, comparison.after[table].content, {begin, begin + group.size()}, moves);
}

}  // namespace optimilter
