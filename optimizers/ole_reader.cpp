// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_reader.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {

namespace {

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

// Tells who owns which sector. Nothing may be owned twice.
class Claims {
  public:
    explicit Claims(std::size_t count) : taken_(count, false) {}
    bool take(std::uint32_t sector) {
        if (sector >= taken_.size() || taken_[sector]) return false;
        taken_[sector] = true;
        return true;
    }
    bool taken(std::size_t sector) const { return taken_[sector]; }

  private:
    std::vector<bool> taken_;
};

class Reading {
  public:
    Reading(ByteView file, std::uint32_t max_entries)
        : file_(file), max_entries_(max_entries), claims_(0), mini_claims_(0) {}

    Result<OleFile> run();

  private:
    Status read_header();
    Status read_difat();
    Status add_fat_sector(std::uint32_t sector);
    Status read_fat();
    Status read_directory();
    Status read_entry(ByteView raw);
    Status read_mini_stream();
    Status walk_tree();
    Status read_contents();
    Status check_leftovers() const;
    Result<Bytes> chain(std::uint32_t start, std::uint64_t size);
    Result<Bytes> mini_chain(std::uint32_t start, std::uint64_t size);
    std::uint64_t size_of(const OleEntry& entry) const;
    std::uint32_t field(std::size_t at) const { return read_le32(&file_[at]); }
    Result<ByteView> sector(std::uint32_t number) const;

    ByteView file_;
    std::uint32_t max_entries_;
    OleFile result_;
    bool large_sectors_ = false;
    std::size_t sectors_ = 0;  // those of which at least one byte is there
    Claims claims_;
    Claims mini_claims_;
    std::vector<std::uint32_t> fat_sectors_;
    std::vector<std::uint32_t> fat_;
    std::vector<std::uint32_t> mini_fat_;
    Bytes mini_stream_;
};

Status Reading::read_header() {
    if (file_.size() < kOleHeaderSize) return malformed("file ends in its header");
    if (!starts_with(file_, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")) return malformed("not a compound file");
    const std::uint16_t version = read_le16(&file_[26]);
    const std::uint16_t shift = read_le16(&file_[30]);
    large_sectors_ = version == 4;
    if (read_le16(&file_[28]) != 0xFFFE || (version != 3 && version != 4)) {
        return Error{ErrorCode::kUnsupported, "version of the container"};
    }
    if (shift != (large_sectors_ ? 12 : 9) || read_le16(&file_[32]) != 6 || field(56) != kOleMiniCutoff) {
        return Error{ErrorCode::kUnsupported, "unusual sector size"};
    }
    result_.sector_size = std::size_t{1} << shift;
    if (file_.size() < result_.sector_size) return malformed("file ends in its header");
    std::copy(file_.begin(), file_.begin() + kOleHeaderSize, result_.header.begin());
    // The last sector may be cut: some writers end the file where the last stream ends.
    sectors_ = (file_.size() - 1) / result_.sector_size;
    claims_ = Claims(sectors_);
    return Success{};
}

Result<ByteView> Reading::sector(std::uint32_t number) const {
    if (number >= sectors_) return malformed("sector beyond the end of the file");
    const std::size_t begin = (std::size_t{number} + 1) * result_.sector_size;
    return file_.subspan(begin, std::min(result_.sector_size, file_.size() - begin));
}

Status Reading::add_fat_sector(std::uint32_t number) {
    const auto bytes = sector(number);
    if (!bytes) return bytes.error();
    if (bytes->size() != result_.sector_size) return malformed("FAT ends early");
    if (!claims_.take(number)) return malformed("sector with two owners");
    fat_sectors_.push_back(number);
    for (std::size_t at = 0; at < bytes->size(); at += 4) fat_.push_back(read_le32(bytes->data() + at));
    return Success{};
}

// The list of FAT sectors: 109 in the header, the rest in a chain of sectors of its own.
Status Reading::read_difat() {
    const std::size_t count = field(44);
    if (count > sectors_) return malformed("more FAT sectors than sectors");
    for (std::size_t i = 0; i < std::min(count, kOleHeaderDifat); ++i) {
        if (const Status added = add_fat_sector(field(76 + 4 * i)); !added) return added;
    }
    std::uint32_t next = field(68);
    const std::size_t each = result_.sector_size / 4 - 1;
    while (fat_sectors_.size() < count) {
        const auto bytes = sector(next);
        if (!bytes) return bytes.error();
        if (bytes->size() != result_.sector_size || !claims_.take(next)) return malformed("broken DIFAT");
        for (std::size_t i = 0; i < each && fat_sectors_.size() < count; ++i) {
            if (const Status added = add_fat_sector(read_le32(bytes->data() + 4 * i)); !added) return added;
        }
        next = read_le32(bytes->data() + 4 * each);
    }
    return Success{};
}

Status Reading::read_fat() {
    if (const Status listed = read_difat(); !listed) return listed;
    if (fat_.size() < sectors_) return Error{ErrorCode::kUnsupported, "bytes after the container"};
    return Success{};
}

// size bytes of the chain; what the chain holds beyond them is slack.
Result<Bytes> Reading::chain(std::uint32_t start, std::uint64_t size) {
    if (size > file_.size()) return malformed("stream larger than the file");
    Bytes bytes;
    bytes.reserve(static_cast<std::size_t>(size));
    for (std::uint32_t at = start; at != kOleEndOfChain; at = fat_[at]) {
        const auto piece = sector(at);
        if (!piece) return piece.error();
        if (!claims_.take(at)) return malformed("sector with two owners");
        const std::uint64_t want = std::min<std::uint64_t>(size - bytes.size(), result_.sector_size);
        if (piece->size() < want) return malformed("stream ends early");
        append(bytes, piece->first(static_cast<std::size_t>(want)));
    }
    if (bytes.size() != size) return malformed("chain ends early");
    return bytes;
}

Result<Bytes> Reading::mini_chain(std::uint32_t start, std::uint64_t size) {
    Bytes bytes;
    for (std::uint32_t at = start; bytes.size() < size; at = mini_fat_[at]) {
        const std::size_t begin = std::size_t{at} * kOleMiniSector;
        if (at >= mini_fat_.size() || begin >= mini_stream_.size()) return malformed("broken mini chain");
        if (!mini_claims_.take(at)) return malformed("mini sector with two owners");
        const std::size_t want = std::min<std::size_t>(size - bytes.size(), kOleMiniSector);
        if (mini_stream_.size() - begin < want) return malformed("mini stream ends early");
        append(bytes, ByteView(mini_stream_).subspan(begin, want));
    }
    return bytes;
}

std::string recognisable(ByteView utf16) {
    std::string name;
    for (std::size_t at = 0; at + 2 <= utf16.size(); at += 2) {
        const std::uint16_t unit = read_le16(&utf16[at]);
        name += unit < 0x100 ? static_cast<char>(unit) : '?';
    }
    return name;
}

// Aspose fills unused entries like free sectors.
bool is_blank(ByteView raw) {
    return std::all_of(raw.begin(), raw.end(), [](std::uint8_t byte) { return byte == 0xFF; });
}

Status Reading::read_entry(ByteView raw) {
    OleEntry entry;
    std::copy(raw.begin(), raw.end(), entry.raw.begin());
    const std::uint8_t type = is_blank(raw) ? 0 : raw[66];
    if (type != 0 && type != 1 && type != 2 && type != 5) return malformed("type of a directory entry");
    entry.type = static_cast<OleType>(type);
    const std::size_t length = read_le16(&raw[64]);
    if (entry.type != OleType::kUnused) {
        if (length < 2 || length > 64 || length % 2 != 0) return malformed("name of a directory entry");
        entry.name = recognisable(raw.first(length - 2));
    }
    result_.entries.push_back(std::move(entry));
    return Success{};
}

Status Reading::read_directory() {
    for (std::uint32_t at = field(48); at != kOleEndOfChain; at = fat_[at]) {
        const auto bytes = sector(at);
        if (!bytes) return bytes.error();
        if (bytes->size() != result_.sector_size) return malformed("directory ends early");
        if (!claims_.take(at)) return malformed("sector with two owners");
        if (result_.entries.size() > max_entries_) return Error{ErrorCode::kLimit, "too many entries"};
        for (std::size_t i = 0; i < result_.sector_size; i += kOleEntrySize) {
            if (const Status read = read_entry(bytes->subspan(i, kOleEntrySize)); !read) return read;
        }
    }
    const bool rooted = !result_.entries.empty() && result_.entries.front().type == OleType::kRoot;
    return rooted ? Status(Success{}) : Status(malformed("no root entry"));
}

// Version 3 writers leave rubbish in the upper half ([MS-CFB] 2.6.1).
std::uint64_t Reading::size_of(const OleEntry& entry) const {
    const std::uint64_t low = read_le32(&entry.raw[120]);
    return large_sectors_ ? low | (std::uint64_t{read_le32(&entry.raw[124])} << 32) : low;
}

Status Reading::read_mini_stream() {
    std::uint32_t at = field(60);
    // Some writers put 0 sectors, or no sector, for "none".
    if (field(64) == 0) at = kOleEndOfChain;
    for (; at != kOleEndOfChain; at = fat_[at]) {
        const auto bytes = sector(at);
        if (!bytes) return bytes.error();
        if (bytes->size() != result_.sector_size) return malformed("mini FAT ends early");
        if (!claims_.take(at)) return malformed("sector with two owners");
        for (std::size_t i = 0; i < bytes->size(); i += 4) mini_fat_.push_back(read_le32(bytes->data() + i));
    }
    mini_claims_ = Claims(mini_fat_.size());
    const OleEntry& root = result_.entries.front();
    const std::uint64_t size = size_of(root);
    if (size == 0) return Success{};
    auto stream = chain(root.start(), size);
    if (!stream) return stream.error();
    mini_stream_ = std::move(stream).value();
    return Success{};
}

// Gives every entry its parent. Each must be reached exactly once.
Status Reading::walk_tree() {
    struct Visit {
        std::uint32_t id;
        std::uint32_t parent;
    };
    auto& entries = result_.entries;
    std::vector<bool> seen(entries.size(), false);
    seen[0] = true;
    std::vector<Visit> open{{entries[0].child(), 0}};
    if (entries[0].left() != kOleNoEntry || entries[0].right() != kOleNoEntry) {
        return malformed("root entry with siblings");
    }
    while (!open.empty()) {
        const Visit visit = open.back();
        open.pop_back();
        if (visit.id == kOleNoEntry) continue;
        if (visit.id >= entries.size() || seen[visit.id]) return malformed("directory tree");
        seen[visit.id] = true;
        OleEntry& entry = entries[visit.id];
        if (entry.type != OleType::kStorage && entry.type != OleType::kStream) {
            return malformed("directory tree");
        }
        entry.parent = visit.parent;
        open.push_back({entry.left(), visit.parent});
        open.push_back({entry.right(), visit.parent});
        if (entry.type == OleType::kStorage) open.push_back({entry.child(), visit.id});
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].type != OleType::kUnused && !seen[i]) {
            return Error{ErrorCode::kUnsupported, "directory entry outside of the tree"};
        }
    }
    return Success{};
}

Status Reading::read_contents() {
    for (OleEntry& entry : result_.entries) {
        if (entry.type != OleType::kStream) continue;
        const std::uint64_t size = size_of(entry);
        if (size == 0) continue;
        const bool small = size < kOleMiniCutoff;
        auto content = small ? mini_chain(entry.start(), size) : chain(entry.start(), size);
        if (!content) return content.error();
        entry.content = std::move(content).value();
    }
    return Success{};
}

// Sectors in use that nothing leads to: bytes of unknown meaning, which a rewritten file would not have.
Status Reading::check_leftovers() const {
    for (std::size_t i = 0; i < sectors_; ++i) {
        if (claims_.taken(i) || fat_[i] == kOleFree) continue;
        return Error{ErrorCode::kUnsupported, "sectors in use that belong to nothing"};
    }
    return Success{};
}

Result<OleFile> Reading::run() {
    for (const auto step : {&Reading::read_header, &Reading::read_fat, &Reading::read_directory,
                            &Reading::walk_tree, &Reading::read_mini_stream, &Reading::read_contents}) {
        if (const Status done = (this->*step)(); !done) return done.error();
    }
    if (const Status clean = check_leftovers(); !clean) return clean.error();
    return std::move(result_);
}

}  // namespace

std::optional<std::uint32_t> OleFile::find(std::uint32_t storage, std::string_view wanted) const {
    for (std::size_t i = 1; i < entries.size(); ++i) {
        if (entries[i].parent != storage || entries[i].type == OleType::kUnused) continue;
        if (iequals(entries[i].name, wanted)) return static_cast<std::uint32_t>(i);
    }
    return std::nullopt;
}

const Bytes* OleFile::root_stream(std::string_view wanted) const {
    const auto id = find(0, wanted);
    if (!id || entries[*id].type != OleType::kStream) return nullptr;
    return &entries[*id].content;
}

Result<OleFile> read_ole(ByteView file, std::uint32_t max_entries) {
    return Reading(file, max_entries).run();
}

}  // namespace optimilter
