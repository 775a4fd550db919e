// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_score.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace optimilter {

namespace {

// One channel, its sides padded with copies of the last sample to a multiple of 4 and at least one window.
struct Plane {
    std::size_t width = 0;
    std::size_t height = 0;
    Bytes samples;

    Plane(std::size_t w, std::size_t h) : width(padded(w)), height(padded(h)), samples(width * height) {}
    static std::size_t padded(std::size_t side) {
        return std::max<std::size_t>(8, (side + 3) & ~std::size_t{3});
    }
    std::uint8_t* row(std::size_t y) { return &samples[y * width]; }
    const std::uint8_t* row(std::size_t y) const { return &samples[y * width]; }

    void pad(std::size_t w, std::size_t h) {
        for (std::size_t y = 0; y < h; ++y) std::fill(row(y) + w, row(y) + width, row(y)[w - 1]);
        for (std::size_t y = h; y < height; ++y) std::copy_n(row(h - 1), width, row(y));
    }
};

// The sums of one 4x4 block of both pictures.
struct BlockSums {
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::uint32_t squares = 0;  // of a and of b together
    std::uint32_t product = 0;
};

void sum_row_of_blocks(const Plane& a, const Plane& b, std::size_t y, std::vector<BlockSums>& sums) {
    std::fill(sums.begin(), sums.end(), BlockSums{});
    for (std::size_t line = y; line < y + 4; ++line) {
        const std::uint8_t* pa = a.row(line);
        const std::uint8_t* pb = b.row(line);
        for (BlockSums& sum : sums) {
            for (unsigned x = 0; x < 4; ++x) {
                const std::uint32_t va = pa[x];
                const std::uint32_t vb = pb[x];
                sum.a += va;
                sum.b += vb;
                sum.squares += va * va + vb * vb;
                sum.product += va * vb;
            }
            pa += 4;
            pb += 4;
        }
    }
}

// SSIM of one 8x8 window from its four blocks, with K1 = 0.01, K2 = 0.03, L = 255.
double window_ssim(const BlockSums& p, const BlockSums& q, const BlockSums& r, const BlockSums& s) {
    constexpr double kN = 64;
    constexpr double kC1 = 0.01 * 255 * 0.01 * 255;
    constexpr double kC2 = 0.03 * 255 * 0.03 * 255;
    const double mean_a = (p.a + q.a + r.a + s.a) / kN;
    const double mean_b = (p.b + q.b + r.b + s.b) / kN;
    const double means = mean_a * mean_b;
    const double squared_means = mean_a * mean_a + mean_b * mean_b;
    const double variances = (p.squares + q.squares + r.squares + s.squares) / kN - squared_means;
    const double covariance = (p.product + q.product + r.product + s.product) / kN - means;
    return ((2 * means + kC1) * (2 * covariance + kC2)) / ((squared_means + kC1) * (variances + kC2));
}

double mean_ssim(const Plane& a, const Plane& b) {
    const std::size_t blocks = a.width / 4;
    std::vector<BlockSums> above(blocks);
    std::vector<BlockSums> below(blocks);
    sum_row_of_blocks(a, b, 0, above);
    double total = 0;
    for (std::size_t y = 4; y < a.height; y += 4) {
        sum_row_of_blocks(a, b, y, below);
        for (std::size_t x = 1; x < blocks; ++x)
            total += window_ssim(above[x - 1], above[x], below[x - 1], below[x]);
        above.swap(below);
    }
    return total / (static_cast<double>(blocks - 1) * static_cast<double>(a.height / 4 - 1));
}

struct PixelView {
    const std::uint8_t* samples;
    std::size_t width;
    std::size_t height;
    std::size_t channels;
};

struct Planes {
    Plane luma;
    std::vector<Plane> chroma;  // none or Cb, Cr
};

// BT.601 full range, 16 bits of fraction, as libjpeg has it.
std::array<int, 3> ycbcr(const std::uint8_t* rgb) {
    const int r = rgb[0];
    const int g = rgb[1];
    const int b = rgb[2];
    return {(19595 * r + 38470 * g + 7471 * b + 32768) >> 16,
            ((-11059 * r - 21709 * g + 32768 * b + 32767) >> 16) + 128,
            ((32768 * r - 27439 * g - 5329 * b + 32767) >> 16) + 128};
}

template <bool Rgb>
void split_row(const PixelView& picture, std::size_t y, std::uint8_t* luma, std::uint8_t* cb,
               std::uint8_t* cr) {
    const std::uint8_t* p = picture.samples + y * picture.width * 3;
    for (std::size_t x = 0; x < picture.width; ++x, p += 3) {
        if constexpr (Rgb) {
            const std::array<int, 3> v = ycbcr(p);
            luma[x] = static_cast<std::uint8_t>(v[0]);
            cb[x] = static_cast<std::uint8_t>(v[1]);
            cr[x] = static_cast<std::uint8_t>(v[2]);
        } else {
            luma[x] = p[0];
            cb[x] = p[1];
            cr[x] = p[2];
        }
    }
}

// Means of 2x2 samples.
Plane halved(const Plane& full, std::size_t width, std::size_t height) {
    const std::size_t w = (width + 1) / 2;
    const std::size_t h = (height + 1) / 2;
    Plane half(w, h);
    for (std::size_t y = 0; y < h; ++y) {
        const std::uint8_t* p = full.row(2 * y);
        const std::uint8_t* q = full.row(std::min(2 * y + 1, full.height - 1));
        std::uint8_t* to = half.row(y);
        for (std::size_t x = 0; x < w; ++x)
            to[x] = static_cast<std::uint8_t>((p[2 * x] + p[2 * x + 1] + q[2 * x] + q[2 * x + 1] + 2) >> 2);
    }
    half.pad(w, h);
    return half;
}

Planes split(const PixelView& picture, ScoreColors colors, ScoreChroma chroma) {
    Planes planes{Plane(picture.width, picture.height), {}};
    if (picture.channels == 1) {
        for (std::size_t y = 0; y < picture.height; ++y)
            std::copy_n(picture.samples + y * picture.width, picture.width, planes.luma.row(y));
        planes.luma.pad(picture.width, picture.height);
        return planes;
    }
    Plane cb(picture.width, picture.height);
    Plane cr(picture.width, picture.height);
    const auto split_one = colors == ScoreColors::kRgb ? split_row<true> : split_row<false>;
    for (std::size_t y = 0; y < picture.height; ++y)
        split_one(picture, y, planes.luma.row(y), cb.row(y), cr.row(y));
    for (Plane* plane : {&planes.luma, &cb, &cr}) plane->pad(picture.width, picture.height);
    if (chroma == ScoreChroma::kFullSize) {
        planes.chroma = {std::move(cb), std::move(cr)};
    } else {
        planes.chroma = {halved(cb, picture.width, picture.height),
                         halved(cr, picture.width, picture.height)};
    }
    return planes;
}

}  // namespace

double picture_score(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                     std::uint32_t channels, ScoreColors colors, ScoreChroma chroma) {
    const std::uint64_t size_bytes = std::uint64_t{width} * height * channels;
    if (size_bytes == 0 || a.size() != size_bytes || b.size() != size_bytes) return 0;
    if (channels != 1 && channels != 3) return 0;
    const Planes first = split({a.data(), width, height, channels}, colors, chroma);
    const Planes second = split({b.data(), width, height, channels}, colors, chroma);
    double lowest = mean_ssim(first.luma, second.luma);
    for (std::size_t i = 0; i < first.chroma.size(); ++i)
        lowest = std::min(lowest, mean_ssim(first.chroma[i], second.chroma[i]));
    return std::clamp(lowest, 0.0, 1.0);
}

}  // namespace optimilter
