// SPDX-License-Identifier: Apache-2.0
//
// Makes a JPEG file of the samples of a PDF picture that had none: photographs that were stored without loss.
// The lowest quality that reaches the bound is searched with few encodes. Not thread safe (libjpeg's errors
// are ours, but the score's memory is not bounded here: the caller has spent the pixels from the Budget).
#pragma once

#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/options.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

struct PdfJpeg {
    Bytes file;
    double score = 0;
};

// samples: gray or RGB. seen: the size at which they are scored, see JpegJudge::make(); chroma at full size.
// kRefused: larger than limit_bytes; kUnsupported: no quality reaches the bound.
Result<PdfJpeg> pdf_jpeg_of(const JpegPixels& samples, PictureSize seen, const Options& options,
                            std::size_t limit_bytes, Deadline deadline);

// The pixels of a gray or YCbCr file at its own size or scaled down to another: gray or RGB, as the JPEG
// optimizer has them. kUnsupported: other colours.
Result<JpegPixels> pdf_jpeg_pixels(ByteView file, PictureSize size, Deadline deadline);

}  // namespace optimilter
