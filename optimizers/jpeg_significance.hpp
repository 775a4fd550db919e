// SPDX-License-Identifier: Apache-2.0
//
// Which coefficients of a block are large enough to matter in a scan: a bit a coefficient, in zigzag order,
// so that the coder walks over those alone. Thread safe: pure functions.
#pragma once

#include <array>
#include <cstdint>

namespace optimilter {

// Successive approximation starts at most so many bits down.
constexpr unsigned kJpegLowBitMax = 3;

struct JpegSignificance {
    // [n]: bit k is set where |coefficient k of the zigzag| >= 1 << n.
    std::array<std::uint64_t, kJpegLowBitMax + 1> at_least{};
    bool codable = true;  // no AC magnitude needs more than kJpegAcBits
};

// block: 64 coefficients, natural order. Levels above top_bit stay empty.
JpegSignificance jpeg_significance(const std::int16_t* block, unsigned top_bit = kJpegLowBitMax);

// Bits first..last.
constexpr std::uint64_t jpeg_band(unsigned first, unsigned last) {
    return (~std::uint64_t{0} >> (63 - last)) & (~std::uint64_t{0} << first);
}

}  // namespace optimilter
