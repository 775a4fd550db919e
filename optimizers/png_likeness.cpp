// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_likeness.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "optimizers/picture_kind.hpp"
#include "optimizers/picture_score.hpp"
#include "optimizers/score_scale.hpp"

namespace optimilter {

namespace {

constexpr unsigned kLargestAlphaError = 64;
constexpr double kLargestAlphaRms = 4.0;

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

double Likeness::least_score(const Options& options) const {
    const auto bound = text ? std::max(options.score_min, options.score_min_text) : options.score_min;
    return palette ? palette_bound(bound / 10'000.0) : bound / 10'000.0;
}

bool Likeness::acceptable(const Options& options) const {
    return score >= least_score(options) && alpha_error <= kLargestAlphaError &&
           alpha_rms <= kLargestAlphaRms;
}

Bytes composed(ByteView rgba, unsigned background) {
    Bytes rgb(rgba.size() / 4 * 3);
    for (std::size_t i = 0, o = 0; i < rgba.size(); i += 4, o += 3) {
        const unsigned a = rgba[i + 3];
        for (std::size_t c = 0; c < 3; ++c)
            rgb[o + c] = static_cast<std::uint8_t>((rgba[i + c] * a + background * (255 - a) + 127) / 255);
    }
    return rgb;
}

Likeness measure_likeness(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height) {
    Likeness likeness;
    likeness.score = 1;
    measure_alpha(a, b, likeness);
    for (const unsigned background : {0u, 255u}) {
        const Bytes first = composed(a, background);
        const PictureComparison compared = compare_pictures(first, composed(b, background), width, height, 3);
        likeness.score = std::min(likeness.score, compared.score);
        likeness.tiles.resize(compared.tiles.size());
        std::transform(compared.tiles.begin(), compared.tiles.end(), likeness.tiles.begin(),
                       likeness.tiles.begin(), [](float now, float before) { return std::max(now, before); });
        const PictureView view{first.data(), width, height, 3};
        likeness.text = likeness.text || text_likeness(view, ScoreColors::kRgb) >= kTextFrom;
        if (background == 0 && all_opaque(a) && all_opaque(b)) break;
    }
    return likeness;
}

Likeness measure_palette_likeness(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height) {
    Likeness likeness = measure_likeness(a, b, width, height);
    likeness.palette = true;
    return likeness;
}

}  // namespace optimilter
