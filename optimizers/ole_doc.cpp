// SPDX-License-Identifier: Apache-2.0
//
// Word 97 to 2003 ([MS-DOC]): pictures that float lie at the end of the stream "WordDocument", behind text
// and formatting, and are named by the blip store in the table stream. Those are made smaller; FIB and store
// are patched. Pictures in the line are in the stream "Data", to which operands of formatting runs all over
// the document point: they stay (doc/formats.md has the figures).
#include <algorithm>

#include "optimizers/ole_delayed.hpp"

namespace optimilter {

namespace {

// Offsets in the FIB (2.5.1): FibBase, FibRgLw97, FibRgFcLcb97.
constexpr std::size_t kFibSize = 0x382;
constexpr std::size_t kFlagsAt = 0x0A;
constexpr std::size_t kTextEndAt = 0x1C;     // fcMac
constexpr std::size_t kStreamSizeAt = 0x40;  // cbMac
constexpr std::size_t kCharacterRunsAt = 0xFA;
constexpr std::size_t kParagraphRunsAt = 0x102;
constexpr std::size_t kDrawingsAt = 0x22A;
constexpr std::uint16_t kEncrypted = 0x0100 | 0x8000;  // fEncrypted, fObfuscated
constexpr std::uint16_t kTable1 = 0x0200;              // fWhichTblStm
constexpr std::size_t kPageSize = 512;                 // of formatting runs (2.9.33)

std::optional<ByteRange> range_at(ByteView fib, std::size_t at, std::size_t limit) {
    const std::size_t begin = read_le32(&fib[at]);
    const std::size_t size = read_le32(&fib[at + 4]);
    if (begin > limit || limit - begin < size) return std::nullopt;
    return ByteRange{begin, begin + size};
}

// Where the last page that a PlcBte (2.8.5, 2.8.6) names ends in "WordDocument".
std::optional<std::size_t> pages_end(ByteView fib, std::size_t at, const Bytes& table) {
    const auto range = range_at(fib, at, table.size());
    if (!range) return std::nullopt;
    const std::size_t count = range->size() < 4 ? 0 : (range->size() - 4) / 8;
    std::size_t end = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint32_t page = read_le32(&table[range->begin + 4 * (count + 1 + i)]) & 0x3FFFFF;
        end = std::max(end, (std::size_t{page} + 1) * kPageSize);
    }
    return end;
}

bool is_word97(ByteView fib) {
    return fib.size() >= kFibSize && read_le16(fib.data()) == 0xA5EC && read_le16(&fib[2]) >= 0xC1 &&
           read_le16(&fib[0x20]) == 14 && read_le16(&fib[0x3E]) == 22;
}

}  // namespace

std::optional<Attempt> work_on_doc(OleWork& work) {
    const std::uint32_t main = *work.file.find(0, "WordDocument");
    const Bytes& fib = work.file.entries[main].content;
    if (fib.size() > kFlagsAt + 2 && (read_le16(&fib[kFlagsAt]) & kEncrypted) != 0) {
        return leave_alone(Outcome::kUntouchable, "encrypted document");
    }
    if (!is_word97(fib)) return leave_alone(Outcome::kNotApplicable, "Word document older than Word 97");
    const bool first = (read_le16(&fib[kFlagsAt]) & kTable1) != 0;
    const auto table_id = work.file.find(0, first ? "1Table" : "0Table");
    if (!table_id) return leave_alone(Outcome::kMalformed, "document without its table stream");
    const Bytes& table = work.file.entries[*table_id].content;

    // The store is in the first record; drawings follow, each behind a byte that is no record.
    const auto drawings = range_at(fib, kDrawingsAt, table.size());
    if (!drawings) return leave_alone(Outcome::kMalformed, "drawings beyond the table stream");
    const auto group = art_header(slice(table, *drawings), 0);
    if (!group) return std::nullopt;
    const std::size_t group_end = drawings->begin + kArtHeaderSize + group->length;
    DelayedPictures delayed(work, *table_id, {drawings->begin, group_end}, main);
    if (!delayed.find_entries()) {
        return leave_alone(Outcome::kMalformed, "drawing records do not fit together");
    }
    const std::size_t begin = delayed.first_of_tail();
    if (begin == fib.size()) return std::nullopt;
    const auto characters = pages_end(fib, kCharacterRunsAt, table);
    const auto paragraphs = pages_end(fib, kParagraphRunsAt, table);
    if (!characters || !paragraphs || begin < std::max({*characters, *paragraphs, kFibSize}) ||
        begin < read_le32(&fib[kTextEndAt]) || read_le32(&fib[kStreamSizeAt]) != fib.size()) {
        return leave_alone(Outcome::kNotApplicable, "pictures between text and formatting");
    }
    if (!delayed.find_pictures(begin)) {
        return leave_alone(Outcome::kNotApplicable, "picture store does not fit the pictures");
    }
    if (delayed.shrink()) {
        Bytes& changed = work.replacements[main];
        write_le32(&changed[kStreamSizeAt], static_cast<std::uint32_t>(changed.size()));
    }
    return std::nullopt;
}

}  // namespace optimilter
