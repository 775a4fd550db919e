// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_significance.hpp"

#include <bit>
#include <cstddef>

#include "optimizers/jpeg_coefficients.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace optimilter {

namespace {

// By row of eight coefficients and the bits of that row: the same bits in zigzag order.
using ZigzagBits = std::array<std::array<std::uint64_t, 256>, 8>;

constexpr ZigzagBits zigzag_bits() {
    std::array<std::uint64_t, 64> bit_of{};
    for (std::size_t k = 0; k < 64; ++k) bit_of[kJpegNaturalOrder[k]] = std::uint64_t{1} << k;
    ZigzagBits bits{};
    for (std::size_t row = 0; row < 8; ++row) {
        for (std::size_t set = 1; set < 256; ++set) {
            const auto lowest = static_cast<std::size_t>(std::countr_zero(set));
            bits[row][set] = bits[row][set & (set - 1)] | bit_of[row * 8 + lowest];
        }
    }
    return bits;
}

constexpr ZigzagBits kZigzagBits = zigzag_bits();

std::uint64_t in_zigzag(std::uint64_t natural) {
    std::uint64_t zigzag = 0;
    for (std::size_t row = 0; natural != 0; ++row, natural >>= 8) zigzag |= kZigzagBits[row][natural & 0xFF];
    return zigzag;
}

#if defined(__SSE2__)

// Magnitudes; -32768 becomes 32767.
struct Magnitudes {
    explicit Magnitudes(const std::int16_t* block) {
        const __m128i zero = _mm_setzero_si128();
        for (std::size_t row = 0; row < 8; ++row) {
            const __m128i value = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + row * 8));
            rows[row] = _mm_max_epi16(value, _mm_subs_epi16(zero, value));
        }
    }
    std::uint64_t above(int limit) const {
        const __m128i least = _mm_set1_epi16(static_cast<short>(limit));
        std::uint64_t bits = 0;
        for (std::size_t pair = 0; pair < 4; ++pair) {
            const __m128i both = _mm_packs_epi16(_mm_cmpgt_epi16(rows[2 * pair], least),
                                                 _mm_cmpgt_epi16(rows[2 * pair + 1], least));
            bits |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(both))) << (16 * pair);
        }
        return bits;
    }
    __m128i rows[8];
};

#else

struct Magnitudes {
    explicit Magnitudes(const std::int16_t* from) : block(from) {}
    std::uint64_t above(int limit) const {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < 64; ++i)
            bits |= std::uint64_t{block[i] > limit || block[i] < -limit} << i;
        return bits;
    }
    const std::int16_t* block;
};

#endif

}  // namespace

JpegSignificance jpeg_significance(const std::int16_t* block, unsigned top_bit) {
    const Magnitudes magnitudes(block);
    JpegSignificance significance;
    significance.at_least[0] = in_zigzag(magnitudes.above(0));
    std::uint64_t last = significance.at_least[0] & ~std::uint64_t{1};
    for (unsigned bit = 1; bit <= top_bit && last != 0; ++bit) {
        significance.at_least[bit] = in_zigzag(magnitudes.above((1 << bit) - 1));
        last = significance.at_least[bit] & ~std::uint64_t{1};
    }
    significance.codable = last == 0 || (magnitudes.above((1 << kJpegAcBits) - 1) & ~std::uint64_t{1}) == 0;
    return significance;
}

}  // namespace optimilter
