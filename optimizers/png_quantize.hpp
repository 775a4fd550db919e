// SPDX-License-Identifier: Apache-2.0
//
// Palettes for pictures with more colours than a palette holds, through libimagequant: with loss, so only for
// lossy profiles and only as far as the quality floor and the measured likeness allow. One thread only.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/options.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

struct QuantizedPicture {
    PngPicture picture;  // kIndexed, 8 bits
    double score = 0;    // 0..1, measured against the source
};

// kEnough: as many as the picture needs to look alike; kAll: as many as there may be, which deflates better
// where few colours make patterns of dots out of soft shades.
enum class PaletteColors { kEnough, kAll };

// picture: kRgb or kRgba with 8 bits a sample. most_colors: 2 to 256. kRefused: below the quality floor, or
// the result looks too different; kDeadline; kLimit: memory.
Result<QuantizedPicture> quantize_picture(const PngPicture& picture, unsigned most_colors,
                                          PaletteColors colors, const Options& options, Deadline deadline);

}  // namespace optimilter
