// SPDX-License-Identifier: Apache-2.0
//
// Office Art records ([MS-ODRAW] 2.2): the header that every record has, FBSE entries, and the Blip records
// that hold pictures. Knows where a picture lies in its record, not what a document does with it. Thread
// safe: pure functions.
//
// Security: reads outside bytes, bounded by the views.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "optimizers/format.hpp"

namespace optimilter {

constexpr std::size_t kArtHeaderSize = 8;
constexpr std::uint16_t kArtBlipStore = 0xF001;
constexpr std::uint16_t kArtFbse = 0xF007;

// OfficeArtRecordHeader (2.2.1).
struct ArtHeader {
    std::uint16_t version = 0;  // 0xF: a container of records
    std::uint16_t instance = 0;
    std::uint16_t type = 0;
    std::uint32_t length = 0;  // bytes after the header
    bool is_container() const { return version == 0xF; }
};

// The header at this place of a record that ends within bytes; nothing when it does not.
std::optional<ArtHeader> art_header(ByteView bytes, std::size_t at);

// Fields of an FBSE (2.2.32), as offsets from its header.
constexpr std::size_t kFbseSize = 8 + 36;
constexpr std::size_t kFbseBlipSizeAt = 8 + 20;
constexpr std::size_t kFbseOffsetAt = 8 + 28;
constexpr std::size_t kFbseNameLengthAt = 8 + 33;
constexpr std::uint32_t kFbseNoOffset = 0xFFFFFFFF;

// A picture that one of our optimizers may know, inside its Blip record (2.2.27 to 2.2.30).
struct Blip {
    Format format = Format::kUnknown;  // what the record's type says
    std::size_t picture_at = 0;        // after header, digests and tag
};

// record: header and content. true for every Blip record that is whole, metafiles too.
bool is_blip(ByteView record);
// Nothing for metafiles, DIBs and pictures whose bytes are not what the record's type says.
std::optional<Blip> blip_of(ByteView record);

// The record with another picture; digests and tag stay. The digest (rgbUid) names the picture and links
// record and FBSE; no reader was found that checks it against the bytes.
Bytes with_picture(ByteView record, const Blip& blip, ByteView picture);

}  // namespace optimilter
