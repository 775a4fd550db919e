// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_resize.hpp"

#include <algorithm>
#include <vector>

#include "optimizers/picture_shrink.hpp"

namespace optimilter {

namespace {

constexpr std::uint32_t kRowsPerDeadlineCheck = 32;

// Sample: std::uint8_t or std::uint16_t.
template <typename Sample>
Result<std::vector<Sample>> resize(const Sample* samples, PictureSize from, unsigned channels, PictureSize to,
                                   Deadline deadline) {
    PictureShrinker<Sample> shrinker(from, channels, to);
    for (std::uint32_t y = 0; y < from.height; ++y, samples += std::size_t{from.width} * channels) {
        if (y % kRowsPerDeadlineCheck == 0 && deadline.expired())
            return Error{ErrorCode::kDeadline, "deadline"};
        shrinker.add_row(samples);
    }
    return shrinker.take();
}

bool is_opaque(ByteView rgba) {
    for (std::size_t i = 3; i < rgba.size(); i += 4)
        if (rgba[i] != 255) return false;
    return true;
}

// Colours times alpha, and alpha, all from 0 to 255 * 255.
std::vector<std::uint16_t> weighted(ByteView rgba) {
    std::vector<std::uint16_t> samples(rgba.size());
    for (std::size_t i = 0; i < rgba.size(); i += 4) {
        const unsigned alpha = rgba[i + 3];
        for (std::size_t c = 0; c < 3; ++c) samples[i + c] = static_cast<std::uint16_t>(rgba[i + c] * alpha);
        samples[i + 3] = static_cast<std::uint16_t>(255 * alpha);
    }
    return samples;
}

// A pixel that is all but invisible has no colour worth its bits: black.
Bytes unweighted(const std::vector<std::uint16_t>& samples) {
    Bytes rgba(samples.size());
    for (std::size_t i = 0; i < samples.size(); i += 4) {
        const unsigned alpha = (samples[i + 3] + 127u) / 255u;
        rgba[i + 3] = static_cast<std::uint8_t>(std::min(255u, alpha));
        if (alpha == 0) continue;
        for (std::size_t c = 0; c < 3; ++c) {
            const unsigned color = (samples[i + c] * 255u + samples[i + 3] / 2u) / samples[i + 3];
            rgba[i + c] = static_cast<std::uint8_t>(std::min(255u, color));
        }
    }
    return rgba;
}

}  // namespace

Result<Bytes> resize_samples(ByteView samples, PictureSize from, unsigned channels, PictureSize to,
                             Deadline deadline) {
    return resize(samples.data(), from, channels, to, deadline);
}

Result<Bytes> resize_rgba(ByteView rgba, PictureSize from, PictureSize to, Deadline deadline) {
    if (is_opaque(rgba)) return resize_samples(rgba, from, 4, to, deadline);
    const Result<std::vector<std::uint16_t>> scaled = resize(weighted(rgba).data(), from, 4, to, deadline);
    if (!scaled) return scaled.error();
    return unweighted(*scaled);
}

}  // namespace optimilter
