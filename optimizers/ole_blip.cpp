// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_blip.hpp"

#include <algorithm>
#include <iterator>

namespace optimilter {

namespace {

constexpr std::size_t kDigestSize = 16;

// [MS-ODRAW] 2.2.24 to 2.2.31: the instance tells whether a second digest follows the first.
struct BlipKind {
    std::uint16_t type;
    std::uint16_t one_digest;  // instance; one more means two digests
    Format format;
};
constexpr BlipKind kBlipKinds[] = {
    {0xF01A, 0x3D4, Format::kUnknown},                                     // EMF
    {0xF01B, 0x216, Format::kUnknown},                                     // WMF
    {0xF01C, 0x542, Format::kUnknown},                                     // PICT
    {0xF01D, 0x46A, Format::kJpeg},    {0xF01D, 0x6E2, Format::kJpeg},     // RGB, CMYK
    {0xF01E, 0x6E0, Format::kPng},     {0xF01F, 0x7A8, Format::kUnknown},  // DIB
    {0xF029, 0x6E4, Format::kTiff},    {0xF02A, 0x46A, Format::kJpeg},    {0xF02A, 0x6E2, Format::kJpeg},
};

const BlipKind* kind_of(const ArtHeader& header) {
    const auto found = std::find_if(std::begin(kBlipKinds), std::end(kBlipKinds), [&](const BlipKind& kind) {
        const unsigned more = static_cast<unsigned>(header.instance) - kind.one_digest;
        return header.version == 0 && header.type == kind.type && more <= 1;
    });
    return found == std::end(kBlipKinds) ? nullptr : found;
}

}  // namespace

std::optional<ArtHeader> art_header(ByteView bytes, std::size_t at) {
    if (at > bytes.size() || bytes.size() - at < kArtHeaderSize) return std::nullopt;
    const std::uint16_t first = read_le16(&bytes[at]);
    const ArtHeader header{static_cast<std::uint16_t>(first & 0xF), static_cast<std::uint16_t>(first >> 4),
                           read_le16(&bytes[at + 2]), read_le32(&bytes[at + 4])};
    if (bytes.size() - at - kArtHeaderSize < header.length) return std::nullopt;
    return header;
}

bool is_blip(ByteView record) {
    const auto header = art_header(record, 0);
    return header && record.size() == kArtHeaderSize + header->length && kind_of(*header) != nullptr;
}

std::optional<Blip> blip_of(ByteView record) {
    if (!is_blip(record)) return std::nullopt;
    const ArtHeader header = *art_header(record, 0);
    const BlipKind* const kind = kind_of(header);
    const std::size_t digests = header.instance == kind->one_digest ? 1 : 2;
    const Blip blip{kind->format, kArtHeaderSize + digests * kDigestSize + 1};
    if (kind->format == Format::kUnknown || record.size() <= blip.picture_at) return std::nullopt;
    if (sniff(record.subspan(blip.picture_at)) != kind->format) return std::nullopt;
    return blip;
}

Bytes with_picture(ByteView record, const Blip& blip, ByteView picture) {
    Bytes changed(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(blip.picture_at));
    append(changed, picture);
    write_le32(&changed[4], static_cast<std::uint32_t>(changed.size() - kArtHeaderSize));
    return changed;
}

}  // namespace optimilter
