// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_delayed.hpp"

#include <algorithm>

namespace optimilter {

namespace {

constexpr int kDepthMax = 32;

// RoundTripCustomTableStyles12Atom ([MS-PPT] 2.11.13): PowerPoint 2007 and later write a ZIP package in it
// and mark it as a container all the same.
constexpr std::uint16_t kTableStyles = 0x0428;

bool holds_records(const ArtHeader& header) {
    return header.is_container() && header.type != kTableStyles;
}

// PowerPoint fills a stream of less than 4096 bytes up with zeros; what a fast save adds stands behind them.
std::size_t after_padding(ByteView stream, std::size_t at) {
    constexpr std::size_t kFilled = 4096;
    const std::size_t end = std::min(kFilled, stream.size());
    if (at >= end) return at;
    const ByteView rest = slice(stream, {at, end});
    return std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; }) ? end : at;
}

}  // namespace

bool DelayedPictures::find_entries() {
    return walk(records_.begin, records_.end, 0);
}

bool DelayedPictures::met(std::uint16_t type) const {
    return std::find(types_.begin(), types_.end(), type) != types_.end();
}

// An entry may be empty or hold its picture itself; only the others name a place.
void DelayedPictures::note_entry(std::size_t at) {
    const std::uint8_t* const entry = &store()[at];
    const std::uint32_t size = read_le32(entry + kFbseBlipSizeAt);
    const std::uint32_t offset = read_le32(entry + kFbseOffsetAt);
    const std::size_t name = entry[kFbseNameLengthAt];
    const bool holds_picture = kArtHeaderSize + read_le32(entry + 4) > kFbseSize + name;
    if (holds_picture || size == 0 || offset == kFbseNoOffset) return;
    entries_.push_back({at, offset, size});
}

bool DelayedPictures::walk(std::size_t begin, std::size_t end, int depth) {
    const ByteView within = ByteView(store()).first(end);
    while (begin < end) {
        if (depth == 0 && after_padding(within, begin) != begin) {
            begin = after_padding(within, begin);
            continue;
        }
        const auto header = art_header(within, begin);
        if (!header || depth > kDepthMax) return false;
        const std::size_t after = begin + kArtHeaderSize + header->length;
        if (!met(header->type)) types_.push_back(header->type);
        if (header->type == kArtFbse) {
            if (after - begin < kFbseSize) return false;
            note_entry(begin);
        } else if (holds_records(*header) && !walk(begin + kArtHeaderSize, after, depth + 1)) {
            return false;
        }
        begin = after;
    }
    return true;
}

bool DelayedPictures::tile(std::size_t begin, std::vector<Picture>* found) const {
    for (std::size_t at = begin; at < stream().size();) {
        const auto header = art_header(stream(), at);
        if (!header) return false;
        const ByteRange place{at, at + kArtHeaderSize + header->length};
        if (!is_blip(slice(stream(), place))) return false;
        if (found != nullptr) found->push_back({place, {}, 0, false});
        at = place.end;
    }
    return true;
}

std::size_t DelayedPictures::first_of_tail() const {
    // More pictures than these are in no document that is sent by mail; every try may walk the whole stream.
    constexpr std::size_t kTriesMax = 1000;
    std::vector<std::size_t> offsets;
    for (const Entry& entry : entries_) {
        if (entry.offset < stream().size()) offsets.push_back(entry.offset);
    }
    std::sort(offsets.begin(), offsets.end());
    for (std::size_t i = 0; i < std::min(offsets.size(), kTriesMax); ++i) {
        if (tile(offsets[i], nullptr)) return offsets[i];
    }
    return stream().size();
}

DelayedPictures::Picture* DelayedPictures::picture_at(std::size_t offset) {
    const auto found =
        std::lower_bound(pictures_.begin(), pictures_.end(), offset,
                         [](const Picture& picture, std::size_t at) { return picture.old_place.begin < at; });
    return found == pictures_.end() || found->old_place.begin != offset ? nullptr : &*found;
}

bool DelayedPictures::find_pictures(std::size_t begin) {
    if (!tile(begin, &pictures_)) return false;
    std::erase_if(entries_,
                  [begin](const Entry& entry) { return std::uint64_t{entry.offset} + entry.size <= begin; });
    for (const Entry& entry : entries_) {
        Picture* const picture = picture_at(entry.offset);
        if (picture == nullptr || picture->old_place.size() != entry.size) return false;
        picture->named = true;
    }
    return true;
}

bool DelayedPictures::shrink() {
    for (std::size_t i = 0; i < pictures_.size(); ++i) {
        // A record that no entry names is left over from an earlier save.
        if (!pictures_[i].named) continue;
        auto smaller = work_.shrink_blip(slice(stream(), pictures_[i].old_place), i);
        if (smaller) pictures_[i].record = std::move(*smaller);
    }
    if (work_.changes.empty()) return false;
    replace_streams();
    return true;
}

void DelayedPictures::replace_streams() {
    const std::size_t begin = pictures_.front().old_place.begin;
    Bytes pictures(stream().begin(), stream().begin() + static_cast<std::ptrdiff_t>(begin));
    for (Picture& picture : pictures_) {
        picture.new_begin = pictures.size();
        append(pictures,
               picture.record.empty() ? slice(stream(), picture.old_place) : ByteView(picture.record));
    }
    Bytes patched = store();
    for (const Entry& entry : entries_) {
        const Picture& picture = *picture_at(entry.offset);
        write_le32(&patched[entry.at + kFbseBlipSizeAt], static_cast<std::uint32_t>(picture.new_size()));
        write_le32(&patched[entry.at + kFbseOffsetAt], static_cast<std::uint32_t>(picture.new_begin));
    }
    work_.replacements[store_id_] = std::move(patched);
    work_.replacements[pictures_id_] = std::move(pictures);
}

}  // namespace optimilter
