// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_drawn.hpp"

#include <algorithm>
#include <vector>

#include "optimizers/picture_kind.hpp"
#include "optimizers/picture_score.hpp"
#include "optimizers/score_scale.hpp"

namespace optimilter {

namespace {

PictureView view_of(const JpegPixels& picture) {
    return {picture.samples.data(), picture.width, picture.height, picture.channels};
}

// Nobody reads text in a picture that the screen shows with a smaller side than this, both across and down.
constexpr std::uint32_t kIconSide = 64;

bool is_icon(const PictureUse& use) {
    return use.width_px < kIconSide && use.height_px < kIconSide;
}

struct Span {
    std::uint32_t first = 0;
    std::uint32_t count = 1;
};

// Which samples make which pixel, in one direction.
std::vector<Span> spans(std::uint32_t samples, std::uint32_t pixels) {
    std::vector<Span> all(pixels);
    for (std::uint32_t i = 0; i < pixels; ++i) {
        const auto first = static_cast<std::uint32_t>(std::uint64_t{i} * samples / pixels);
        const auto end = static_cast<std::uint32_t>((std::uint64_t{i} + 1) * samples / pixels);
        all[i] = {first, std::max<std::uint32_t>(1, end - first)};
    }
    return all;
}

std::uint8_t mean(const JpegPixels& picture, const Span& across, const Span& down, std::uint32_t channel) {
    std::uint64_t sum = 0;
    for (std::uint32_t y = down.first; y < down.first + down.count; ++y) {
        const std::size_t row = std::size_t{y} * picture.width;
        for (std::uint32_t x = across.first; x < across.first + across.count; ++x)
            sum += picture.samples[(row + x) * picture.channels + channel];
    }
    return static_cast<std::uint8_t>(sum / (std::uint64_t{across.count} * down.count));
}

}  // namespace

JpegPixels drawn_pixels(const JpegPixels& picture, const PictureUse& use) {
    JpegPixels drawn{use.width_px, use.height_px, picture.channels, {}};
    drawn.samples.reserve(std::size_t{drawn.width} * drawn.height * drawn.channels);
    const std::vector<Span> across = spans(picture.width, drawn.width);
    for (const Span& down : spans(picture.height, drawn.height))
        for (const Span& column : across)
            for (std::uint32_t channel = 0; channel < picture.channels; ++channel)
                drawn.samples.push_back(mean(picture, column, down, channel));
    return drawn;
}

PdfDrawn::PdfDrawn(const JpegPixels& original, const PictureUse& use, const Options& options, double leeway)
    : drawn_(drawn_pixels(original, use)),
      drawn_larger_(drawn_pixels(original, {use.width_px + 1, use.height_px + 1})),
      bound_(is_icon(use) ? options.score_min / 10'000.0
                          : lowest_score(options, view_of(original), ScoreColors::kRgb, leeway)) {}

double PdfDrawn::score(const JpegPixels& scaled) const {
    return std::min(score_at(drawn_, scaled), score_at(drawn_larger_, scaled));
}

double PdfDrawn::aim() const {
    constexpr double kOfTheDistance = 0.97;
    return score_of_distance(kOfTheDistance * distance_of_score(bound_));
}

double PdfDrawn::score_at(const JpegPixels& drawn, const JpegPixels& scaled) const {
    if (scaled.channels != drawn.channels) return 0;
    const JpegPixels other = drawn_pixels(scaled, {drawn.width, drawn.height});
    return picture_score(drawn.samples, other.samples, drawn.width, drawn.height, drawn.channels,
                         ScoreColors::kRgb, ScoreChroma::kFullSize);
}

std::size_t next_to_try(const std::vector<PictureUse>& uses, std::size_t tried, double score, double aim) {
    if (score <= 0 || aim >= 1) return uses.size();
    // The distance falls about as the samples of an inch grow; this much of the way is sure.
    constexpr double kSure = 0.85;
    const double growth = kSure * distance_of_score(score) / distance_of_score(aim);
    const double width = uses[tried].width_px * growth;
    std::size_t next = tried + 1;
    while (next < uses.size() && uses[next].width_px < width) ++next;
    return next;
}

}  // namespace optimilter
