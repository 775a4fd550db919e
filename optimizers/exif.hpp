// SPDX-License-Identifier: Apache-2.0
//
// Exif (a TIFF 6.0 structure, JEITA CP-3451) read strictly and written anew without thumbnail, maker note
// and, where asked, GPS position. Knows the directories IFD0, IFD1, Exif, GPS and Interoperability; all other
// tags are carried over with their values byte for byte. What does not parse to its bounds is refused, never
// guessed at. Thread safe: pure functions.
//
// Security: reads outside bytes; every offset and count is checked in 64 bits, directories and entries are
// counted, no recursion on the input's word.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

struct ExifEdit {
    bool drop_gps = false;
    // The size in pixels to note where the file notes one; 0: leave it.
    std::uint32_t width = 0;
    std::uint32_t height = 0;
};

// tiff: from the byte order mark on. Returns the same bytes when there is nothing to do. kMalformed: odd.
Result<Bytes> rewrite_exif(ByteView tiff, const ExifEdit& edit);

// The orientation tag (1..8) of IFD0, read as leniently as viewers read it.
std::optional<std::uint16_t> exif_orientation(ByteView tiff);

// true when the structure holds a GPS directory, or cannot be read.
bool exif_may_hold_gps(ByteView tiff);

// true when after carries every tag of before, value for value, but for what an edit may drop or set (both
// read anew); GPS must be there still. Also when before cannot be read and after is equal to it.
bool exif_tags_kept(ByteView before, ByteView after);

// A structure with nothing but the orientation.
Bytes exif_with_orientation(std::uint16_t orientation);

}  // namespace optimilter
