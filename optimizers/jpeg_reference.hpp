// SPDX-License-Identifier: Apache-2.0
//
// The picture that a lossy result is made from and measured against: the decoded original, scaled down where
// the options ask for it. The same input and options give the same samples every time. Needs
// initialize_vips() for scaling. Not thread safe (libvips keeps its errors per process).
#pragma once

#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

struct PictureSize {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

// The size a result shall have. depth: see Context; only pictures at depth 0 are ever scaled.
PictureSize jpeg_target_size(const JpegMarkers& markers, const Options& options, int depth,
                             bool pixels_are_referenced);

// colors: kGray for gray files, else kYCbCr or kRgb.
Result<JpegPixels> jpeg_reference(ByteView input, PictureSize target, JpegColors colors, Deadline deadline);

}  // namespace optimilter
