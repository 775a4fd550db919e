// SPDX-License-Identifier: Apache-2.0
//
// From samples to DCT coefficients: planes of one component each, chroma averaged where it is coded coarser,
// and the forward DCT of their blocks (ITU-T T.81 A.3.3). Knows no quantisation. Thread safe: pure functions.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"
#include "optimizers/jpeg_decoder.hpp"

namespace optimilter {

// 8-bit samples of whole blocks: what lies beyond the picture repeats its edge.
struct JpegSamplePlane {
    std::uint32_t width_in_blocks = 0;
    std::uint32_t height_in_blocks = 0;
    Bytes samples;

    std::size_t stride() const { return std::size_t{width_in_blocks} * 8; }
    const std::uint8_t* block(std::size_t column, std::size_t row) const {
        return samples.data() + row * 8 * stride() + column * 8;
    }
};

// Channel number channel of picture, with across x down samples averaged to one (1 or 2 each).
JpegSamplePlane jpeg_sample_plane(const JpegPixels& picture, std::uint32_t channel, unsigned across,
                                  unsigned down);

// Natural order; orthonormal, which is also what T.81 quantises.
using JpegDctBlock = std::array<float, 64>;

// samples: 8 rows of 8, stride apart.
void jpeg_forward_dct(const std::uint8_t* samples, std::size_t stride, JpegDctBlock& to);

}  // namespace optimilter
