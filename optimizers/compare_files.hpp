// SPDX-License-Identifier: Apache-2.0
//
// The score of two picture files of any formats that we decode, for operators who want to know what a loss
// looks like in numbers. No part of an optimizer. Needs initialize_vips(). Not thread safe (libvips keeps its
// errors per process).
//
// Security: reads outside bytes. Only formats that sniff() knows are given to libvips, pixels are spent from
// the budget before they are decoded, and any warning of a decoder is an error.
#pragma once

#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {

// The first picture of each file as stored, orientation not applied; over black and over white where one has
// alpha, the worse counts; chroma at full size where the files keep it unequally fine, else at half size, as
// the optimizers measure their results. kUnsupported: another format; kRefused: sizes differ; kLimit,
// kDeadline: the budget; kMalformed: does not decode. The text says which file.
Result<PictureComparison> compare_files(ByteView a, ByteView b, Budget& budget);

// "worst tile at 320,64: 3.42 (luma 2.10, Cb 0.20, Cr 1.12)"
std::string worst_tile_text(const PictureComparison& comparison);

}  // namespace optimilter
