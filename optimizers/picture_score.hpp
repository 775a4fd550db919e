// SPDX-License-Identifier: Apache-2.0
//
// How alike two pictures look, measured: the one function that decides whether a lossy result may be kept, so
// that another metric can take its place. Every pixel counts; nothing is sampled. Thread safe: pure function.
//
// Mean SSIM (Wang et al. 2004) over flat windows of 8x8 at every fourth sample, which sees what the
// original's Gaussian windows see at a tenth of their time.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace optimilter {

enum class ScoreColors { kRgb, kYCbCr };  // YCbCr as in JFIF (full range, BT.601)

// half: chroma as most viewers and all 4:2:0 files show it; full: where finer chroma could be lost.
enum class ScoreChroma { kHalfSize, kFullSize };

// a, b: 8-bit samples, interleaved, width x height x channels, rows without padding; channels 1 (gray) or 3.
// Result: the lowest of mean SSIM on luma and, for colour, on Cb and Cr; 0.0 .. 1.0. Views of a wrong size
// score 0.
double picture_score(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                     std::uint32_t channels, ScoreColors colors = ScoreColors::kRgb,
                     ScoreChroma chroma = ScoreChroma::kHalfSize);

}  // namespace optimilter
