// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_writer.hpp"

#include <algorithm>

namespace optimilter {

namespace {

// Sectors are laid out in this order: directory, mini FAT, streams, mini stream, FAT, DIFAT.
class Writing {
  public:
    Writing(const OleFile& file, const OleReplacements& replacements)
        : file_(file), replacements_(replacements), sector_size_(file.sector_size) {}

    Bytes run();

  private:
    std::size_t sectors_for(std::size_t bytes) const { return (bytes + sector_size_ - 1) / sector_size_; }
    const Bytes& content(std::size_t id) const;
    void place_small_streams();
    std::uint32_t place(ByteView bytes, std::uint8_t padding);
    void place_streams();
    Bytes directory() const;
    void count_fat();
    void write_fat();
    void write_difat();
    void write_header(Bytes& file) const;
    void patch_entry(std::size_t id, std::uint32_t start, std::uint64_t size);

    const OleFile& file_;
    const OleReplacements& replacements_;
    std::size_t sector_size_;
    std::vector<std::array<std::uint8_t, kOleEntrySize>> entries_;
    Bytes mini_stream_;
    std::vector<std::uint32_t> mini_fat_;
    Bytes body_;                      // all sectors after the header
    std::vector<std::uint32_t> fat_;  // for the sectors of body_
    std::size_t directory_sectors_ = 0;
    std::size_t mini_fat_sectors_ = 0;
    std::uint32_t mini_fat_start_ = kOleEndOfChain;
    std::uint32_t fat_start_ = 0;
    std::size_t fat_sectors_ = 0;
    std::size_t difat_sectors_ = 0;
};

const Bytes& Writing::content(std::size_t id) const {
    const auto found = replacements_.find(static_cast<std::uint32_t>(id));
    return found == replacements_.end() ? file_.entries[id].content : found->second;
}

// In version 3 the upper half of a size means nothing and stays as it was.
void Writing::patch_entry(std::size_t id, std::uint32_t start, std::uint64_t size) {
    auto& raw = entries_[id];
    write_le32(&raw[116], start);
    write_le32(&raw[120], static_cast<std::uint32_t>(size));
    if (sector_size_ > 512) write_le32(&raw[124], static_cast<std::uint32_t>(size >> 32));
}

// Adds bytes as a chain of sectors; returns the first one.
std::uint32_t Writing::place(ByteView bytes, std::uint8_t padding) {
    const std::size_t count = sectors_for(bytes.size());
    if (count == 0) return kOleEndOfChain;
    const auto first = static_cast<std::uint32_t>(fat_.size());
    append(body_, bytes);
    for (std::size_t i = 1; i < count; ++i) fat_.push_back(static_cast<std::uint32_t>(fat_.size()) + 1);
    fat_.push_back(kOleEndOfChain);
    body_.resize(fat_.size() * sector_size_, padding);
    return first;
}

void Writing::place_small_streams() {
    for (std::size_t id = 0; id < entries_.size(); ++id) {
        const Bytes& bytes = content(id);
        if (file_.entries[id].type != OleType::kStream || bytes.empty() || bytes.size() >= kOleMiniCutoff) {
            continue;
        }
        auto next = static_cast<std::uint32_t>(mini_fat_.size());
        patch_entry(id, next, bytes.size());
        append(mini_stream_, bytes);
        mini_stream_.resize((mini_stream_.size() + kOleMiniSector - 1) / kOleMiniSector * kOleMiniSector);
        const std::size_t end = mini_stream_.size() / kOleMiniSector;
        while (mini_fat_.size() + 1 < end) mini_fat_.push_back(++next);
        mini_fat_.push_back(kOleEndOfChain);
    }
}

Bytes Writing::directory() const {
    Bytes bytes;
    for (const auto& raw : entries_) append(bytes, raw);
    return bytes;
}

void Writing::place_streams() {
    for (std::size_t id = 0; id < entries_.size(); ++id) {
        if (file_.entries[id].type != OleType::kStream) continue;
        const Bytes& bytes = content(id);
        if (bytes.empty()) patch_entry(id, kOleEndOfChain, 0);
        if (bytes.size() >= kOleMiniCutoff) patch_entry(id, place(bytes, 0), bytes.size());
    }
    patch_entry(0, place(mini_stream_, 0), mini_stream_.size());
}

// FAT and DIFAT must describe themselves too.
void Writing::count_fat() {
    const std::size_t each = sector_size_ / 4;
    for (;;) {
        const std::size_t all = fat_.size() + fat_sectors_ + difat_sectors_;
        const std::size_t fat = (all + each - 1) / each;
        const std::size_t beyond = fat > kOleHeaderDifat ? fat - kOleHeaderDifat : 0;
        const std::size_t difat = (beyond + each - 2) / (each - 1);
        if (fat == fat_sectors_ && difat == difat_sectors_) return;
        fat_sectors_ = fat;
        difat_sectors_ = difat;
    }
}

void Writing::write_fat() {
    count_fat();
    fat_start_ = static_cast<std::uint32_t>(fat_.size());
    fat_.insert(fat_.end(), fat_sectors_, kOleFatSector);
    fat_.insert(fat_.end(), difat_sectors_, kOleDifatSector);
    fat_.resize(fat_sectors_ * (sector_size_ / 4), kOleFree);
    const std::size_t begin = body_.size();
    body_.resize(begin + fat_sectors_ * sector_size_);
    for (std::size_t i = 0; i < fat_.size(); ++i) write_le32(&body_[begin + 4 * i], fat_[i]);
}

void Writing::write_difat() {
    const std::size_t each = sector_size_ / 4 - 1;
    std::size_t listed = kOleHeaderDifat;
    for (std::size_t i = 0; i < difat_sectors_; ++i) {
        const std::size_t begin = body_.size();
        body_.resize(begin + sector_size_, 0xFF);
        for (std::size_t k = 0; k < each && listed < fat_sectors_; ++k, ++listed) {
            write_le32(&body_[begin + 4 * k], fat_start_ + static_cast<std::uint32_t>(listed));
        }
        const bool last = i + 1 == difat_sectors_;
        const auto next = static_cast<std::uint32_t>(begin / sector_size_ + 1);
        write_le32(&body_[begin + 4 * each], last ? kOleEndOfChain : next);
    }
}

void Writing::write_header(Bytes& file) const {
    const auto put = [&file](std::size_t at, std::size_t value) {
        write_le32(&file[at], static_cast<std::uint32_t>(value));
    };
    std::copy(file_.header.begin(), file_.header.end(), file.begin());
    if (sector_size_ > 512) put(40, directory_sectors_);
    put(44, fat_sectors_);
    put(48, 0);
    put(60, mini_fat_start_);
    put(64, mini_fat_sectors_);
    put(68, difat_sectors_ == 0 ? kOleEndOfChain : fat_start_ + fat_sectors_);
    put(72, difat_sectors_);
    for (std::size_t i = 0; i < kOleHeaderDifat; ++i) {
        put(76 + 4 * i, i < fat_sectors_ ? fat_start_ + i : std::size_t{kOleFree});
    }
}

Bytes Writing::run() {
    for (const OleEntry& entry : file_.entries) entries_.push_back(entry.raw);
    place_small_streams();
    directory_sectors_ = sectors_for(entries_.size() * kOleEntrySize);
    place(directory(), 0);
    Bytes mini_fat(mini_fat_.size() * 4);
    for (std::size_t i = 0; i < mini_fat_.size(); ++i) write_le32(&mini_fat[4 * i], mini_fat_[i]);
    mini_fat_sectors_ = sectors_for(mini_fat.size());
    mini_fat_start_ = place(mini_fat, 0xFF);
    place_streams();
    // Now that all have their places: the directory once more, over itself.
    const Bytes placed = directory();
    std::copy(placed.begin(), placed.end(), body_.begin());
    write_fat();
    write_difat();
    Bytes result(sector_size_);
    write_header(result);
    append(result, body_);
    return result;
}

}  // namespace

Bytes write_ole(const OleFile& file, const OleReplacements& replacements) {
    return Writing(file, replacements).run();
}

}  // namespace optimilter
