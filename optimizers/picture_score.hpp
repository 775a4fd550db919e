// SPDX-License-Identifier: Apache-2.0
//
// How alike two pictures look, measured: the one function that decides whether a lossy result may be kept, so
// that another metric can take its place. Thread safe: pure function.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace optimilter {

// a, b: 8-bit samples, interleaved, width x height x channels, rows without padding; channels 1 (gray) or 3
// (RGB). Result: the lowest of mean SSIM (Wang et al. 2004) on luma and, for colour, on Cb and Cr at half
// size; 0.0 .. 1.0.
double picture_score(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                     std::uint32_t channels);

}  // namespace optimilter
