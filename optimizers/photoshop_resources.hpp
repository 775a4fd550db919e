// SPDX-License-Identifier: Apache-2.0
//
// The image resources Photoshop writes into APP13 (Adobe Photoshop File Formats, "Image Resources Section"):
// the thumbnails among them can be left out; all else (IPTC with its copyright, clipping paths, ...) stays.
// Thread safe: pure functions.
//
// Security: reads outside bytes; every size is checked against the segment.
#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace optimilter {

constexpr std::string_view kPhotoshopSignature{"Photoshop 3.0\0", 14};

// payload: of the APP13 segment, starting with kPhotoshopSignature. Returned as it is when it does not parse
// to its last byte, as in a list that goes on in the next segment.
Bytes without_photoshop_thumbnails(ByteView payload);

}  // namespace optimilter
