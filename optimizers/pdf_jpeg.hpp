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

// The score such a file must reach, 0.0 .. 1.0; leeway: see lowest_score().
double pdf_jpeg_bound(const JpegPixels& samples, const Options& options, double leeway = 0.0);

// samples: gray or RGB. kRefused: larger than limit_bytes; kUnsupported: no quality reaches the bound.
Result<PdfJpeg> pdf_jpeg_of(const JpegPixels& samples, const Options& options, std::size_t limit_bytes,
                            Deadline deadline);

// The pixels of a gray or YCbCr file at its own size or scaled down to another: gray or RGB, as the JPEG
// optimizer has them. kUnsupported: other colours.
Result<JpegPixels> pdf_jpeg_pixels(ByteView file, PictureSize size, Deadline deadline);

// The score of a JPEG file against gray or RGB samples of the same size, chroma at full size.
Result<double> pdf_jpeg_score(const JpegPixels& samples, ByteView file, Deadline deadline);

}  // namespace optimilter
