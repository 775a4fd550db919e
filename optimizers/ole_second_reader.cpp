// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_second_reader.hpp"

#include <algorithm>
#include <cstdint>

namespace optimilter {

namespace {

constexpr std::uint32_t kNothing = 0xFFFFFFFF;
constexpr std::uint32_t kEnd = 0xFFFFFFFE;

// Thrown inside this file only.
struct Broken {};

class Seeing {
  public:
    explicit Seeing(ByteView file) : file_(file) {
        if (file.size() < 512) throw Broken();
        shift_ = read_le16(&file[30]);
        if (shift_ != 9 && shift_ != 12) throw Broken();
        size_ = std::uint64_t{1} << shift_;
        root_ = entry_at(0);
        if (root_[66] != 5) throw Broken();
    }

    std::vector<OleSeen> all() {
        see(0, 0, "", 0);
        return std::move(seen_);
    }

  private:
    const std::uint8_t* at(std::uint64_t offset, std::uint64_t length) const {
        if (offset > file_.size() || file_.size() - offset < length) throw Broken();
        return file_.data() + offset;
    }
    std::uint64_t place(std::uint32_t sector) const { return (std::uint64_t{sector} + 1) << shift_; }
    std::uint32_t word(std::uint32_t sector, std::uint64_t index) const {
        return read_le32(at(place(sector) + 4 * index, 4));
    }

    // The sector that holds the FAT's part number n.
    std::uint32_t fat_sector(std::uint64_t n) const {
        if (n < 109) return read_le32(at(76 + 4 * n, 4));
        const std::uint64_t each = size_ / 4 - 1;
        std::uint32_t list = read_le32(at(68, 4));
        for (n -= 109; n >= each; n -= each) list = word(list, each);
        return word(list, n);
    }
    std::uint32_t next(std::uint32_t sector) const {
        if (sector >= file_.size() >> shift_) throw Broken();
        return word(fat_sector(sector / (size_ / 4)), sector % (size_ / 4));
    }
    std::uint32_t step(std::uint32_t sector, std::uint64_t times) const {
        // No chain is longer than the file; one that loops would go on for any number of steps.
        if (times > file_.size() >> shift_) throw Broken();
        for (; times > 0; --times) sector = next(sector);
        return sector;
    }

    const std::uint8_t* entry_at(std::uint32_t id) const {
        const std::uint64_t each = size_ / 128;
        return at(place(step(read_le32(at(48, 4)), id / each)) + id % each * 128, 128);
    }
    std::uint64_t length_of(const std::uint8_t* entry) const {
        const std::uint64_t high = shift_ == 9 ? 0 : read_le32(entry + 124);
        return (high << 32) | read_le32(entry + 120);
    }

    Bytes large(std::uint32_t sector, std::uint64_t length) const {
        if (length > file_.size()) throw Broken();
        Bytes bytes;
        while (bytes.size() < length) {
            const std::uint64_t want = std::min<std::uint64_t>(size_, length - bytes.size());
            append(bytes, {at(place(sector), want), static_cast<std::size_t>(want)});
            sector = next(sector);
        }
        if (sector != kEnd && next(sector) == kNothing) throw Broken();
        return bytes;
    }
    Bytes small(std::uint32_t sector, std::uint64_t length) {
        if (mini_.empty()) {
            mini_ = large(read_le32(root_ + 116), length_of(root_));
            mini_fat_ = large(read_le32(at(60, 4)), std::uint64_t{read_le32(at(64, 4))} << shift_);
        }
        Bytes bytes;
        while (bytes.size() < length) {
            const std::uint64_t from = std::uint64_t{sector} * 64;
            const std::uint64_t want = std::min<std::uint64_t>(64, length - bytes.size());
            if (from + want > mini_.size() || std::uint64_t{sector} * 4 + 4 > mini_fat_.size())
                throw Broken();
            append(bytes, {&mini_[from], static_cast<std::size_t>(want)});
            sector = read_le32(&mini_fat_[std::size_t{sector} * 4]);
        }
        return bytes;
    }

    // In the order of the binary tree: left, the entry and all below it, right.
    void see(std::uint32_t id, std::size_t parent, const std::string& folder, int depth) {
        if (id == kNothing) return;
        // A red-black tree of all entries that fit into a file is no deeper; a loop is.
        if (depth > 2000 || seen_.size() > file_.size() / 128) throw Broken();
        const std::uint8_t* const entry = entry_at(id);
        see(read_le32(entry + 68), parent, folder, depth + 1);
        const std::size_t mine = seen_.size();
        seen_.push_back(shown(entry, parent, folder));
        seen_[mine].id = id;
        if (entry[66] != 2) {
            const std::string path = seen_[mine].path;
            see(read_le32(entry + 76), mine, path.empty() ? path : path + '/', depth + 1);
        }
        see(read_le32(entry + 72), parent, folder, depth + 1);
    }

    OleSeen shown(const std::uint8_t* entry, std::size_t parent, const std::string& folder) {
        OleSeen seen;
        const std::size_t length = read_le16(entry + 64);
        if (length < 2 || length > 64) throw Broken();
        seen.name.assign(entry, entry + length - 2);
        seen.parent = parent;
        seen.type = entry[66];
        seen.kept.assign(entry, entry + 116);
        if (seen.type == 2) {
            seen.content = content(entry);
            // Streams share no sectors, so all of them together are no larger than the file.
            total_ += seen.content.size();
            if (total_ > file_.size()) throw Broken();
        } else if (seen.type == 1) {
            append(seen.kept, {entry + 116, 8});
        }
        if (seen.type == 5) return seen;
        seen.path = folder;
        for (std::size_t i = 0; i + 1 < seen.name.size(); i += 2) {
            const bool plain = seen.name[i + 1] == 0 && seen.name[i] < 0x80;
            seen.path += plain ? static_cast<char>(seen.name[i]) : '?';
        }
        return seen;
    }
    Bytes content(const std::uint8_t* entry) {
        const std::uint64_t length = length_of(entry);
        if (length == 0) return {};
        const std::uint32_t start = read_le32(entry + 116);
        return length < 4096 ? small(start, length) : large(start, length);
    }

    ByteView file_;
    unsigned shift_ = 9;
    std::uint64_t size_ = 512;
    const std::uint8_t* root_ = nullptr;
    std::uint64_t total_ = 0;
    Bytes mini_;
    Bytes mini_fat_;
    std::vector<OleSeen> seen_;
};

}  // namespace

Result<std::vector<OleSeen>> see_ole(ByteView file) {
    try {
        return Seeing(file).all();
    } catch (const Broken&) {
        return Error{ErrorCode::kMalformed, "second reader: broken container"};
    }
}

}  // namespace optimilter
