// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_likeness.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "optimizers/picture_score.hpp"

namespace optimilter {

namespace {

constexpr unsigned kLargestAlphaError = 64;
constexpr double kLargestAlphaRms = 4.0;

// The picture in front of a gray background, without alpha.
Bytes composed(ByteView rgba, unsigned background) {
    Bytes rgb(rgba.size() / 4 * 3);
    for (std::size_t i = 0, o = 0; i < rgba.size(); i += 4, o += 3) {
        const unsigned a = rgba[i + 3];
        for (std::size_t c = 0; c < 3; ++c)
            rgb[o + c] = static_cast<std::uint8_t>((rgba[i + c] * a + background * (255 - a) + 127) / 255);
    }
    return rgb;
}

void measure_alpha(ByteView a, ByteView b, Likeness& likeness) {
    std::uint64_t squares = 0;
    for (std::size_t i = 3; i < a.size(); i += 4) {
        const auto error = static_cast<unsigned>(std::abs(int{a[i]} - int{b[i]}));
        likeness.alpha_error = std::max(likeness.alpha_error, error);
        squares += error * error;
    }
    likeness.alpha_rms = std::sqrt(static_cast<double>(squares) / (static_cast<double>(a.size()) / 4));
}

bool all_opaque(ByteView rgba) {
    for (std::size_t i = 3; i < rgba.size(); i += 4)
        if (rgba[i] != 255) return false;
    return true;
}

}  // namespace

bool Likeness::acceptable(const Options& options) const {
    return score * 10000 >= options.score_min && alpha_error <= kLargestAlphaError &&
           alpha_rms <= kLargestAlphaRms;
}

Likeness measure_likeness(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height) {
    Likeness likeness;
    measure_alpha(a, b, likeness);
    likeness.score = picture_score(composed(a, 0), composed(b, 0), width, height, 3);
    if (all_opaque(a) && all_opaque(b)) return likeness;
    likeness.score =
        std::min(likeness.score, picture_score(composed(a, 255), composed(b, 255), width, height, 3));
    return likeness;
}

}  // namespace optimilter
