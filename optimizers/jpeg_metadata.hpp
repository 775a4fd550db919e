// SPDX-License-Identifier: Apache-2.0
//
// Which APPn and COM segments a result carries. Lossless: all, byte for byte. Lossy: all but thumbnails,
// maker notes and, where asked, GPS positions. Whatever does not parse to the last byte is kept as it is.
// Thread safe: pure functions.
//
// Security: reads outside bytes (Exif, Photoshop resources, XMP), every length checked against its segment.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_reference.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

// The segments of the file, copied.
std::vector<JpegSegmentBytes> jpeg_segments(ByteView input, const JpegMarkers& markers);

// The segments a result of this size (in pixels) carries under these options, in the original's order.
std::vector<JpegSegmentBytes> kept_jpeg_segments(ByteView input, const JpegMarkers& markers,
                                                 const Options& options, PictureSize size);

// true when EXIF asks viewers to turn the picture by a quarter, so that its width is shown as height.
bool jpeg_is_turned(ByteView input, const JpegMarkers& markers);

// false when some XMP ties other content to the picture (panoramas, depth maps) and not all of the XMP is
// there any more, because a position in it could not be taken out.
bool jpeg_references_kept(const std::vector<JpegSegmentBytes>& original,
                          const std::vector<JpegSegmentBytes>& result);

// Empty when segments carry what no result under these options may lose or gain, compared with those of the
// original; else what is wrong. Lossless: all bytes. Lossy: orientation, ICC profile, colour markers,
// copyright, order, and GPS gone where asked.
std::string compare_jpeg_metadata(const std::vector<JpegSegmentBytes>& original,
                                  const std::vector<JpegSegmentBytes>& result, const Options& options);

}  // namespace optimilter
