// SPDX-License-Identifier: Apache-2.0
#include "optimizers/exif.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace optimilter {

namespace {

constexpr std::uint16_t kOrientation = 0x0112;
constexpr std::uint16_t kExifDirectory = 0x8769;
constexpr std::uint16_t kGpsDirectory = 0x8825;
constexpr std::uint16_t kInteropDirectory = 0xA005;
constexpr std::uint16_t kMakerNote = 0x927C;
constexpr std::uint16_t kDngPrivate = 0xC634;
constexpr std::uint16_t kPadding = 0xEA1C;       // zeros that Windows leaves for its own later edits
constexpr std::uint16_t kOffsetSchema = 0xEA1D;  // how far Windows has moved the maker note
constexpr std::uint16_t kPixelWidth = 0xA002;
constexpr std::uint16_t kPixelHeight = 0xA003;
constexpr std::uint16_t kShort = 3;
constexpr std::uint16_t kLong = 4;
constexpr std::size_t kMaxEntries = 1000;

// Values that are offsets into the structure and would point astray after a rewrite.
constexpr std::uint16_t kOffsetTags[] = {0x0111, 0x0120, 0x0144, 0x014A, 0x0201, 0x0119, 0x0190};

// Bytes a value, by type 1..13; 0: no such type.
constexpr std::array<std::uint8_t, 14> kTypeSize = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};

struct Entry {
    std::uint16_t tag = 0;
    std::uint16_t type = 0;
    std::uint32_t count = 0;
    Bytes value;
};

struct Directory {
    std::vector<Entry> entries;
    std::uint32_t next = 0;

    const Entry* find(std::uint16_t tag) const {
        const auto at =
            std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.tag == tag; });
        return at == entries.end() ? nullptr : &*at;
    }
    void erase(std::uint16_t tag) {
        std::erase_if(entries, [&](const Entry& e) { return e.tag == tag; });
    }
};

Error odd(const char* what) {
    return {ErrorCode::kMalformed, what};
}

// The structure's numbers in its own byte order.
class Tiff {
  public:
    static Result<Tiff> open(ByteView bytes) {
        if (bytes.size() < 8) return odd("Exif too short");
        Tiff tiff(bytes, bytes[0] == 'M');
        if (!starts_with(bytes, tiff.big_ ? "MM" : "II") || tiff.u16(2) != 42) return odd("no TIFF header");
        return tiff;
    }

    bool big_endian() const { return big_; }
    std::uint32_t first_directory() const { return u32(4); }

    // Looks at no more of IFD0 than the orientation needs, so that oddities elsewhere do not hide it.
    std::optional<std::uint16_t> orientation() const {
        const std::uint64_t start = first_directory();
        if (!fits(start, 2)) return std::nullopt;
        const std::size_t count = u16(static_cast<std::size_t>(start));
        for (std::size_t i = 0; i < count && fits(start + 2 + 12 * std::uint64_t{i}, 12); ++i) {
            const std::size_t at = static_cast<std::size_t>(start) + 2 + 12 * i;
            if (u16(at) != kOrientation || u16(at + 2) != kShort || u32(at + 4) != 1) continue;
            const std::uint16_t value = u16(at + 8);
            if (value >= 1 && value <= 8) return value;
        }
        return std::nullopt;
    }

    Result<Directory> directory(std::uint32_t offset) const {
        if (offset < 8 || !fits(offset, 2)) return odd("directory outside of the Exif");
        const std::size_t count = u16(offset);
        if (count == 0 || count > kMaxEntries || !fits(offset, 2 + 12 * std::uint64_t{count} + 4))
            return odd("directory runs out of the Exif");
        Directory directory;
        std::size_t value_bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            Result<Entry> entry = entry_at(offset + 2 + 12 * i);
            if (!entry) return entry.error();
            if (directory.find(entry->tag) != nullptr) return odd("tag twice in a directory");
            // Values that share their bytes could make a rewrite grow without bound.
            value_bytes += entry->value.size();
            if (value_bytes > bytes_.size()) return odd("values overlap");
            directory.entries.push_back(std::move(*entry));
        }
        directory.next = u32(offset + 2 + 12 * count);
        return directory;
    }

    std::uint32_t long_of(const Entry& entry) const {
        return big_ ? read_be32(entry.value.data()) : read_le32(entry.value.data());
    }

  private:
    Tiff(ByteView bytes, bool big) : bytes_(bytes), big_(big) {}

    bool fits(std::uint64_t offset, std::uint64_t size) const {
        return offset <= bytes_.size() && size <= bytes_.size() - offset;
    }
    std::uint16_t u16(std::size_t at) const { return big_ ? read_be16(&bytes_[at]) : read_le16(&bytes_[at]); }
    std::uint32_t u32(std::size_t at) const { return big_ ? read_be32(&bytes_[at]) : read_le32(&bytes_[at]); }

    Result<Entry> entry_at(std::size_t at) const {
        Entry entry{u16(at), u16(at + 2), u32(at + 4), {}};
        if (entry.type >= kTypeSize.size() || kTypeSize[entry.type] == 0) return odd("value of unknown type");
        const std::uint64_t size = std::uint64_t{entry.count} * kTypeSize[entry.type];
        const std::uint64_t from = size <= 4 ? at + 8 : u32(at + 8);
        if (!fits(from, size)) return odd("value outside of the Exif");
        const ByteView value = bytes_.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(size));
        entry.value.assign(value.begin(), value.end());
        return entry;
    }

    ByteView bytes_;
    bool big_ = false;
};

// The directories we carry over, each empty when absent.
struct Tree {
    bool big_endian = false;
    Directory main;
    Directory exif;
    Directory gps;
    Directory interop;
};

// Follows the pointer tag of parent, if it is there.
Status read_child(const Tiff& tiff, const Directory& parent, std::uint16_t tag, Directory& into) {
    const Entry* pointer = parent.find(tag);
    if (pointer == nullptr) return Success{};
    if ((pointer->type != kLong && pointer->type != 13) || pointer->count != 1)
        return odd("odd directory pointer");
    Result<Directory> child = tiff.directory(tiff.long_of(*pointer));
    if (!child) return child.error();
    if (child->next != 0) return odd("directory with a successor");
    into = std::move(*child);
    return Success{};
}

Status refuse_offset_tags(const Tree& tree) {
    for (const Directory* directory : {&tree.main, &tree.exif, &tree.gps, &tree.interop}) {
        for (const std::uint16_t tag : kOffsetTags) {
            if (directory->find(tag) != nullptr) return odd("tag that holds offsets");
        }
    }
    return Success{};
}

Result<Tree> read_tree(ByteView bytes) {
    const Result<Tiff> tiff = Tiff::open(bytes);
    if (!tiff) return tiff.error();
    Result<Directory> main = tiff->directory(tiff->first_directory());
    if (!main) return main.error();
    Tree tree{tiff->big_endian(), std::move(*main), {}, {}, {}};
    if (Status s = read_child(*tiff, tree.main, kExifDirectory, tree.exif); !s) return s.error();
    if (Status s = read_child(*tiff, tree.main, kGpsDirectory, tree.gps); !s) return s.error();
    if (Status s = read_child(*tiff, tree.exif, kInteropDirectory, tree.interop); !s) return s.error();
    if (Status s = refuse_offset_tags(tree); !s) return s.error();
    return tree;
}

class TiffWriter {
  public:
    explicit TiffWriter(bool big_endian) : big_(big_endian) {}

    Bytes write(const Tree& tree) {
        put16(big_ ? 0x4D4D : 0x4949);
        put16(42);
        put32(8);
        const std::size_t main = directory(tree.main);
        const std::size_t exif = child(tree.exif, tree.main, main, kExifDirectory);
        child(tree.gps, tree.main, main, kGpsDirectory);
        child(tree.interop, tree.exif, exif, kInteropDirectory);
        return std::move(out_);
    }

  private:
    void put16(std::uint16_t v) { put(v, 2); }
    void put32(std::uint32_t v) { put(v, 4); }
    void put(std::uint32_t v, unsigned size) {
        for (unsigned i = 0; i < size; ++i) out_.push_back(byte_of(v, i, size));
    }
    void set32(std::size_t at, std::uint32_t v) {
        for (unsigned i = 0; i < 4; ++i) out_[at + i] = byte_of(v, i, 4);
    }
    std::uint8_t byte_of(std::uint32_t v, unsigned i, unsigned size) const {
        return static_cast<std::uint8_t>(v >> (8 * (big_ ? size - 1 - i : i)));
    }

    // Writes entries and then their longer values; returns the directory's offset.
    std::size_t directory(const Directory& directory) {
        const std::size_t start = out_.size();
        put16(static_cast<std::uint16_t>(directory.entries.size()));
        for (const Entry& entry : directory.entries) {
            put16(entry.tag);
            put16(entry.type);
            put32(entry.count);
            Bytes inline_value = entry.value;
            inline_value.resize(4);
            append(out_, inline_value);
        }
        put32(0);
        for (std::size_t i = 0; i < directory.entries.size(); ++i) {
            const Bytes& value = directory.entries[i].value;
            if (value.size() <= 4) continue;
            set32(start + 2 + 12 * i + 8, static_cast<std::uint32_t>(out_.size()));
            append(out_, value);
            if (out_.size() % 2 != 0) out_.push_back(0);  // TIFF 6.0: offsets are even
        }
        return start;
    }

    // Writes a child directory and its offset into the parent's pointer tag.
    std::size_t child(const Directory& child, const Directory& parent, std::size_t parent_at,
                      std::uint16_t tag) {
        const Entry* pointer = parent.find(tag);
        if (pointer == nullptr) return 0;
        const std::size_t index = static_cast<std::size_t>(pointer - parent.entries.data());
        set32(parent_at + 2 + 12 * index + 8, static_cast<std::uint32_t>(out_.size()));
        return directory(child);
    }

    bool big_;
    Bytes out_;
};

bool set_number(Directory& directory, std::uint16_t tag, std::uint32_t number, bool big_endian) {
    const Entry* found = directory.find(tag);
    if (found == nullptr || found->count != 1 || (found->type != kShort && found->type != kLong))
        return false;
    Entry& entry = directory.entries[static_cast<std::size_t>(found - directory.entries.data())];
    const Bytes before = entry.value;
    const std::size_t size = entry.value.size();
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t shift = 8 * (big_endian ? size - 1 - i : i);
        entry.value[i] = static_cast<std::uint8_t>(number >> shift);
    }
    return entry.value != before;
}

// Applies edit; true when anything changed. A directory may not become empty (TIFF 6.0), so its pointer goes
// with its last entry.
bool prune(Tree& tree, const ExifEdit& edit) {
    bool changed = tree.main.next != 0;  // IFD1, the thumbnail; the writer always ends the chain at IFD0
    const auto erase = [&](Directory& directory, std::uint16_t tag) {
        changed |= directory.find(tag) != nullptr;
        directory.erase(tag);
    };
    erase(tree.exif, kMakerNote);
    erase(tree.main, kMakerNote);
    erase(tree.main, kDngPrivate);
    if (edit.drop_gps) erase(tree.main, kGpsDirectory);
    if (edit.width != 0) {
        changed |= set_number(tree.exif, kPixelWidth, edit.width, tree.big_endian);
        changed |= set_number(tree.exif, kPixelHeight, edit.height, tree.big_endian);
    }
    if (!changed) return false;
    for (Directory* directory : {&tree.main, &tree.exif}) {
        directory->erase(kPadding);
        directory->erase(kOffsetSchema);
    }
    if (tree.exif.entries.empty()) tree.main.erase(kExifDirectory);
    return true;
}

}  // namespace

Result<Bytes> rewrite_exif(ByteView tiff, const ExifEdit& edit) {
    Result<Tree> tree = read_tree(tiff);
    if (!tree) return tree.error();
    if (!prune(*tree, edit)) return Bytes(tiff.begin(), tiff.end());
    if (tree->main.entries.empty()) return odd("nothing left in the first directory");
    return TiffWriter(tree->big_endian).write(*tree);
}

std::optional<std::uint16_t> exif_orientation(ByteView bytes) {
    const Result<Tiff> tiff = Tiff::open(bytes);
    if (!tiff) return std::nullopt;
    return tiff->orientation();
}

bool exif_may_hold_gps(ByteView tiff) {
    const Result<Tree> tree = read_tree(tiff);
    return !tree || tree->main.find(kGpsDirectory) != nullptr;
}

namespace {

// Tags whose values a rewrite sets anew or that it may drop.
constexpr std::uint16_t kVolatileTags[] = {kExifDirectory, kGpsDirectory, kInteropDirectory,
                                           kMakerNote,     kDngPrivate,   kPadding,
                                           kOffsetSchema,  kPixelWidth,   kPixelHeight};

bool carried_over(const Directory& before, const Directory& after) {
    return std::all_of(before.entries.begin(), before.entries.end(), [&](const Entry& entry) {
        if (std::count(std::begin(kVolatileTags), std::end(kVolatileTags), entry.tag) != 0) return true;
        const Entry* found = after.find(entry.tag);
        return found != nullptr && found->type == entry.type && found->count == entry.count &&
               found->value == entry.value;
    });
}

}  // namespace

bool exif_tags_kept(ByteView before, ByteView after) {
    if (std::equal(before.begin(), before.end(), after.begin(), after.end())) return true;
    const Result<Tree> old_tree = read_tree(before);
    const Result<Tree> new_tree = read_tree(after);
    if (!old_tree || !new_tree) return false;
    return carried_over(old_tree->main, new_tree->main) && carried_over(old_tree->exif, new_tree->exif) &&
           carried_over(old_tree->interop, new_tree->interop) && carried_over(old_tree->gps, new_tree->gps);
}

Bytes exif_with_orientation(std::uint16_t orientation) {
    Tree tree;
    tree.main.entries.push_back({kOrientation, kShort, 1, {static_cast<std::uint8_t>(orientation), 0}});
    return TiffWriter(false).write(tree);
}

}  // namespace optimilter
