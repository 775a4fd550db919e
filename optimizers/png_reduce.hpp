// SPDX-License-Identifier: Apache-2.0
//
// Layouts that hold the very same RGBA samples in fewer bits: 16 to 8 bits, colour to gray, no alpha where
// all is opaque, palettes, fewer bits a sample. Nothing visible or hidden changes, not even the colour of
// fully transparent pixels. Pure functions; thread safe.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/effort.hpp"
#include "optimizers/png_chunks.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

// What the pixels of a picture of up to 8 bits a sample have in common.
struct ColorSurvey {
    bool opaque = true;
    bool gray = true;
    unsigned gray_depth = 1;          // bits that hold every gray value; says nothing unless gray
    bool few_colors = true;           // at most 256
    std::vector<Rgba> colors;         // in the order of their first appearance; complete when few_colors
    std::vector<std::uint32_t> uses;  // how many pixels have each
    // How often colour b follows another, a, in a row: at a * 256 + b; of use when few_colors.
    std::vector<std::uint32_t> follows = std::vector<std::uint32_t>(std::size_t{256} * 256);
};

// kDeadline.
Result<ColorSurvey> survey_colors(const PngPicture& picture, Deadline deadline);

// The picture with 8 bits a sample where every sample is a multiple of 257, without alpha where that is
// opaque, gray where red, green and blue agree; each only as far as the chunks of file allow. For 16-bit
// pictures; others come back as they are.
PngPicture narrow_deep_picture(const PngFile& file, PngPicture picture);

// Layouts worth a trial, the best without a palette first, at most so many orders of a made palette among
// them; none where the chunks of file allow none, as may be for a picture made from the file's. For up to 8
// bits a sample.
std::vector<PngLayout> candidate_layouts(const PngFile& file, const PngPicture& picture,
                                         const ColorSurvey& survey,
                                         unsigned orders = png_effort(kEffortDefault).orders);

}  // namespace optimilter
