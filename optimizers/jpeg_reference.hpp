// SPDX-License-Identifier: Apache-2.0
//
// The picture that a lossy result is made from and measured against: the decoded original, scaled down where
// the options ask for it. The same input and options give the same samples every time. Thread safe: pure
// functions.
#pragma once

#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/options.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

// The size a result shall have. Stand-alone pictures obey options.max_side_px, those inside of documents
// context.use. turned: EXIF asks to show the picture turned by a quarter.
PictureSize jpeg_target_size(const JpegMarkers& markers, const Context& context, bool turned,
                             bool pixels_are_referenced);

// The size at which a result of the target size is scored: its own, or that at which context.use sees it.
PictureSize jpeg_seen_size(PictureSize target, const Context& context, bool turned);

// The options for coding that size with loss. Scaling leaves more detail in every pixel, and what is enlarged
// shows more of each, so that a picture cut to its use or seen larger than it is may need a better quality
// than others to reach its score, and still becomes smaller.
Options jpeg_coding_options(const JpegMarkers& markers, const Context& context, PictureSize target);

// colors: kGray for gray files, else kYCbCr or kRgb.
Result<JpegPixels> jpeg_reference(ByteView input, PictureSize target, JpegColors colors, Deadline deadline);

// YCbCr as viewers show it: RGB, clipped, within one of what libjpeg computes. Gray stays.
JpegPixels shown_pixels(const JpegPixels& ycbcr);

// Pixels scaled down with a proper filter, for pictures that come as samples. kDeadline, kLimit.
Result<JpegPixels> scale_pixels(const JpegPixels& from, PictureSize to, Deadline deadline);

}  // namespace optimilter
