// SPDX-License-Identifier: Apache-2.0
//
// The quantised coefficients of one picture as the entropy coder sees them, and how they lie in blocks and
// MCUs (ITU-T T.81 Annex A). Views: whoever made them (libjpeg, or our own quantiser) owns the blocks. Knows
// no codes and no markers. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace optimilter {

// What T.81 allows for samples of eight bits: magnitudes of at most so many bits.
constexpr unsigned kJpegAcBits = 10;
constexpr unsigned kJpegDcDifferenceBits = 11;
// Sampling factors of the components of one interleaved scan: at most so many blocks an MCU.
constexpr unsigned kJpegMcuBlocks = 10;

// Index in a block (natural order) of the k-th coefficient of the zigzag sequence.
constexpr std::array<std::uint8_t, 64> kJpegNaturalOrder = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Part of the zigzag sequence, last included.
struct JpegBand {
    unsigned first = 1;
    unsigned last = 63;
    friend bool operator==(const JpegBand&, const JpegBand&) = default;
};

struct JpegPlane {
    std::uint8_t id = 0;
    std::uint8_t horizontal = 1;  // sampling factors, 1..4
    std::uint8_t vertical = 1;
    std::uint32_t width_in_blocks = 0;      // without the padding of interleaved scans
    std::array<std::uint16_t, 64> quant{};  // natural order
    std::vector<const std::int16_t*> rows;  // width_in_blocks blocks of 64 in each, natural order

    std::uint64_t blocks() const { return std::uint64_t{width_in_blocks} * rows.size(); }
    unsigned blocks_in_mcu() const { return unsigned{horizontal} * vertical; }
};

struct JpegCoefficients {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<JpegPlane> planes;  // 1..4
};

}  // namespace optimilter
