// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_dct.hpp"

#include <algorithm>
#include <cstring>

#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

// Eight numbers at once; compilers make vector code of it on any machine that has some.
using Eight = float __attribute__((vector_size(32)));
struct Rows {
    Eight row[8];
};

// cos(k pi / 16) / 2, and for k = 4 with the normalisation of the first coefficient: 1 / sqrt(8).
constexpr float kC1 = 0.490392640f;
constexpr float kC2 = 0.461939766f;
constexpr float kC3 = 0.415734806f;
constexpr float kC4 = 0.353553391f;
constexpr float kC5 = 0.277785117f;
constexpr float kC6 = 0.191341716f;
constexpr float kC7 = 0.097545161f;

// The transform of eight columns: sums carry the even coefficients, differences the odd ones.
OPTIMILTER_INLINE void transform(Rows& rows) {
    Eight* const v = rows.row;
    const Eight s0 = v[0] + v[7], s1 = v[1] + v[6], s2 = v[2] + v[5], s3 = v[3] + v[4];
    const Eight d0 = v[0] - v[7], d1 = v[1] - v[6], d2 = v[2] - v[5], d3 = v[3] - v[4];
    v[0] = kC4 * ((s0 + s3) + (s1 + s2));
    v[4] = kC4 * ((s0 + s3) - (s1 + s2));
    v[2] = kC2 * (s0 - s3) + kC6 * (s1 - s2);
    v[6] = kC6 * (s0 - s3) - kC2 * (s1 - s2);
    v[1] = kC1 * d0 + kC3 * d1 + kC5 * d2 + kC7 * d3;
    v[3] = kC3 * d0 - kC7 * d1 - kC1 * d2 - kC5 * d3;
    v[5] = kC5 * d0 - kC1 * d1 + kC7 * d2 + kC3 * d3;
    v[7] = kC7 * d0 - kC5 * d1 + kC3 * d2 - kC1 * d3;
}

OPTIMILTER_INLINE void transpose(Rows& rows) {
    Eight* const v = rows.row;
    for (int row = 0; row < 8; ++row) {
        for (int column = row + 1; column < 8; ++column) {
            const float held = v[row][column];
            v[row][column] = v[column][row];
            v[column][row] = held;
        }
    }
}

OPTIMILTER_INLINE void any_forward_dct(const std::uint8_t* samples, std::size_t stride, JpegDctBlock& to) {
    Rows rows;
    for (std::size_t row = 0; row < 8; ++row) {
        for (int column = 0; column < 8; ++column)
            rows.row[row][column] =
                static_cast<float>(samples[row * stride + static_cast<std::size_t>(column)]) - 128.0f;
    }
    transform(rows);
    transpose(rows);
    transform(rows);
    transpose(rows);
    std::memcpy(to.data(), &rows, sizeof to);
}

// Once as the compiler was told for all code and once for machines with AVX2; both round alike.
void forward_dct_portably(const std::uint8_t* samples, std::size_t stride, JpegDctBlock& to) {
    any_forward_dct(samples, stride, to);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void forward_dct_avx2(const std::uint8_t* samples, std::size_t stride, JpegDctBlock& to) {
    any_forward_dct(samples, stride, to);
}
#endif

// Where a row of a plane comes from and goes to, before its edge is repeated. above, below: rows of the
// picture to average, at the plane's channel; scratch: twice the picture's width.
struct SampleRow {
    const std::uint8_t* above;
    const std::uint8_t* below;
    std::uint32_t width;  // of the picture
    unsigned across;
    std::uint8_t* scratch;
    std::uint8_t* to;
};

template <std::size_t kChannels>
OPTIMILTER_INLINE void pick_channel(const std::uint8_t* __restrict from, std::uint32_t width,
                                    std::uint8_t* __restrict to) {
    for (std::size_t x = 0; x < width; ++x) to[x] = from[x * kChannels];
}

// Rounding up and down in turn, as libjpeg does, so that no colour cast arises.
OPTIMILTER_INLINE void average(const std::uint8_t* __restrict above, const std::uint8_t* __restrict below,
                               std::uint32_t width, unsigned across, std::uint8_t* __restrict to) {
    if (across == 1) {
        for (std::uint32_t x = 0; x < width; ++x)
            to[x] = static_cast<std::uint8_t>((above[x] + below[x] + (x & 1)) >> 1);
        return;
    }
    for (std::uint32_t x = 0; x < width / 2; ++x) {
        const int sum = above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1];
        to[x] = static_cast<std::uint8_t>((sum + 1 + static_cast<int>(x & 1)) >> 2);
    }
    if (width % 2 == 0) return;
    const std::uint32_t last = width - 1;
    to[last / 2] = static_cast<std::uint8_t>(
        (2 * (above[last] + below[last]) + 1 + static_cast<int>(last / 2 & 1)) >> 2);
}

template <std::size_t kChannels>
OPTIMILTER_INLINE void any_sample_row(const SampleRow& row) {
    if (row.across == 1 && row.above == row.below)
        return pick_channel<kChannels>(row.above, row.width, row.to);
    std::uint8_t* const other = row.scratch + row.width;
    pick_channel<kChannels>(row.above, row.width, row.scratch);
    pick_channel<kChannels>(row.below, row.width, other);
    average(row.scratch, other, row.width, row.across, row.to);
}

// As above, for all machines and for those with AVX2.
void sample_row_portably(const SampleRow& row, std::uint32_t channels) {
    return channels == 1 ? any_sample_row<1>(row) : any_sample_row<3>(row);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void sample_row_avx2(const SampleRow& row, std::uint32_t channels) {
    return channels == 1 ? any_sample_row<1>(row) : any_sample_row<3>(row);
}
#endif

void sample_row(const SampleRow& row, std::uint32_t channels) {
#if defined(__x86_64__)
    if (has_avx2()) return sample_row_avx2(row, channels);
#endif
    sample_row_portably(row, channels);
}

}  // namespace

JpegSamplePlane jpeg_sample_plane(const JpegPixels& picture, std::uint32_t channel, unsigned across,
                                  unsigned down) {
    const std::uint32_t width = (picture.width + across - 1) / across;
    const std::uint32_t height = (picture.height + down - 1) / down;
    JpegSamplePlane plane{(width + 7) / 8, (height + 7) / 8, {}};
    plane.samples.resize(plane.stride() * plane.height_in_blocks * 8);
    const std::size_t stride = std::size_t{picture.width} * picture.channels;
    Bytes scratch(std::size_t{picture.width} * 2);
    for (std::size_t y = 0; y < std::size_t{plane.height_in_blocks} * 8; ++y) {
        std::uint8_t* to = plane.samples.data() + y * plane.stride();
        if (y >= height) {
            std::memcpy(to, to - plane.stride(), plane.stride());
            continue;
        }
        const std::uint8_t* above = picture.samples.data() + y * down * stride + channel;
        const bool both = down == 2 && y * 2 + 1 < picture.height;
        sample_row({above, both ? above + stride : above, picture.width, across, scratch.data(), to},
                   picture.channels);
        std::fill(to + width, to + plane.stride(), to[width - 1]);
    }
    return plane;
}

void jpeg_forward_dct(const std::uint8_t* samples, std::size_t stride, JpegDctBlock& to) {
#if defined(__x86_64__)
    if (has_avx2()) return forward_dct_avx2(samples, stride, to);
#endif
    forward_dct_portably(samples, stride, to);
}

}  // namespace optimilter
