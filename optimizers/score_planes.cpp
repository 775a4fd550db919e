// SPDX-License-Identifier: Apache-2.0
#include "optimizers/score_planes.hpp"

#include <algorithm>
#include <cstring>

#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

std::size_t padded(std::size_t side) {
    return std::max<std::size_t>(8, (side + 3) & ~std::size_t{3});
}

struct ChannelRows {
    std::uint8_t* first;
    std::uint8_t* second;
    std::uint8_t* third;
};

OPTIMILTER_INLINE void any_deinterleave(const std::uint8_t* __restrict from, std::size_t width,
                                        const ChannelRows& to) {
    std::uint8_t* __restrict first = to.first;
    std::uint8_t* __restrict second = to.second;
    std::uint8_t* __restrict third = to.third;
    for (std::size_t x = 0; x < width; ++x) {
        first[x] = from[3 * x];
        second[x] = from[3 * x + 1];
        third[x] = from[3 * x + 2];
    }
}

// BT.601 full range with 8 bits of fraction in 16-bit arithmetic, so that vectors hold eight at once; within
// one of what libjpeg computes, and the same for both pictures.
OPTIMILTER_INLINE void any_to_ycbcr(std::size_t width, const ChannelRows& rows) {
    std::uint8_t* __restrict first = rows.first;
    std::uint8_t* __restrict second = rows.second;
    std::uint8_t* __restrict third = rows.third;
    for (std::size_t x = 0; x < width; ++x) {
        const auto r = static_cast<std::int16_t>(first[x]);
        const auto g = static_cast<std::int16_t>(second[x]);
        const auto b = static_cast<std::int16_t>(third[x]);
        const auto luma = static_cast<std::uint16_t>(77 * r + 150 * g + 29 * b + 128);
        const auto cb = static_cast<std::uint16_t>(32767 + 128 * b - 43 * r - 85 * g + 128);
        const auto cr = static_cast<std::uint16_t>(32767 + 128 * r - 107 * g - 21 * b + 128);
        first[x] = static_cast<std::uint8_t>(luma >> 8);
        second[x] = static_cast<std::uint8_t>(cb >> 8);
        third[x] = static_cast<std::uint8_t>(cr >> 8);
    }
}

OPTIMILTER_INLINE void any_halve_row(const std::uint8_t* __restrict above,
                                     const std::uint8_t* __restrict below, std::size_t width,
                                     std::uint8_t* __restrict to) {
    for (std::size_t x = 0; x < width; ++x) {
        const unsigned sum = unsigned{above[2 * x]} + above[2 * x + 1] + below[2 * x] + below[2 * x + 1];
        to[x] = static_cast<std::uint8_t>((sum + 2) >> 2);
    }
}

OPTIMILTER_INLINE void any_separate(const std::uint8_t* from, std::size_t width, ScoreColors colors,
                                    const ChannelRows& to) {
    any_deinterleave(from, width, to);
    if (colors == ScoreColors::kRgb) any_to_ycbcr(width, to);
}

// Once as the compiler was told for all code and once for machines with AVX2: whole numbers, so that both
// find the same.
void separate_portably(const std::uint8_t* from, std::size_t width, ScoreColors colors,
                       const ChannelRows& to) {
    any_separate(from, width, colors, to);
}
void halve_row_portably(const std::uint8_t* above, const std::uint8_t* below, std::size_t width,
                        std::uint8_t* to) {
    any_halve_row(above, below, width, to);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void separate_avx2(const std::uint8_t* from, std::size_t width, ScoreColors colors,
                                   const ChannelRows& to) {
    any_separate(from, width, colors, to);
}
OPTIMILTER_AVX2 void halve_row_avx2(const std::uint8_t* above, const std::uint8_t* below, std::size_t width,
                                    std::uint8_t* to) {
    any_halve_row(above, below, width, to);
}
#endif

struct Loops {
    void (*separate)(const std::uint8_t* from, std::size_t width, ScoreColors colors, const ChannelRows& to);
    void (*halve_row)(const std::uint8_t* above, const std::uint8_t* below, std::size_t width,
                      std::uint8_t* to);
};

const Loops& loops() {
    static constexpr Loops kPortable = {separate_portably, halve_row_portably};
#if defined(__x86_64__)
    static constexpr Loops kAvx2 = {separate_avx2, halve_row_avx2};
    if (has_avx2()) return kAvx2;
#endif
    return kPortable;
}

}  // namespace

ScorePlane::ScorePlane(std::size_t width, std::size_t height)
    : width_(width),
      height_(height),
      padded_width_(padded(width)),
      padded_height_(padded(height)),
      samples_(padded_width_ * padded_height_) {}

void ScorePlane::pad() {
    for (std::size_t y = 0; y < height_; ++y)
        std::fill(row(y) + width_, row(y) + padded_width_, row(y)[width_ - 1]);
    for (std::size_t y = height_; y < padded_height_; ++y)
        std::copy_n(row(height_ - 1), padded_width_, row(y));
}

ScorePlane ScorePlane::halved() const {
    // Padding makes the sample beyond an odd side a copy of the last.
    ScorePlane half((width_ + 1) / 2, (height_ + 1) / 2);
    for (std::size_t y = 0; y < half.height_; ++y)
        loops().halve_row(row(2 * y), row(2 * y + 1), half.width_, half.row(y));
    half.pad();
    return half;
}

std::vector<ScorePlane> score_band(const PictureView& picture, ScoreColors colors, std::size_t top,
                                   std::size_t rows) {
    const std::size_t channels = picture.channels;
    std::vector<ScorePlane> planes;
    for (std::size_t i = 0; i < channels; ++i) planes.emplace_back(picture.width, rows);
    for (std::size_t y = 0; y < rows; ++y) {
        const std::uint8_t* from = picture.samples + (top + y) * picture.width * channels;
        if (channels == 1) {
            std::memcpy(planes[0].row(y), from, picture.width);
            continue;
        }
        const ChannelRows to{planes[0].row(y), planes[1].row(y), planes[2].row(y)};
        loops().separate(from, picture.width, colors, to);
    }
    for (ScorePlane& plane : planes) plane.pad();
    return planes;
}

}  // namespace optimilter
