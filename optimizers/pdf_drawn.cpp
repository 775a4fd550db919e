// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_drawn.hpp"

#include <algorithm>
#include <vector>

#include "optimizers/picture_kind.hpp"
#include "optimizers/picture_score.hpp"
#include "optimizers/score_scale.hpp"
#include "optimizers/vector_code.hpp"

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

// sums: one for each sample of a row. Sum: std::uint16_t, twice as quick, or std::uint32_t.
template <typename Sum>
OPTIMILTER_INLINE void any_add_row(const std::uint8_t* __restrict row, std::size_t size,
                                   Sum* __restrict sums) {
    for (std::size_t i = 0; i < size; ++i) sums[i] = static_cast<Sum>(sums[i] + row[i]);
}
template <typename Sum>
void add_row_portably(const std::uint8_t* row, std::size_t size, Sum* sums) {
    any_add_row(row, size, sums);
}
#if defined(__x86_64__)
template <typename Sum>
OPTIMILTER_AVX2 void add_row_avx2(const std::uint8_t* row, std::size_t size, Sum* sums) {
    any_add_row(row, size, sums);
}
#endif

template <typename Sum>
void add_row(const std::uint8_t* row, std::size_t size, Sum* sums) {
#if defined(__x86_64__)
    if (has_avx2()) return add_row_avx2(row, size, sums);
#endif
    add_row_portably(row, size, sums);
}

// sums: of the samples of rows columns; to: their means over the spans. Total: holds 255 times the samples of
// a pixel.
template <std::size_t kChannels, typename Total, typename Sum>
std::uint8_t* put_means(const std::vector<Sum>& sums, const std::vector<Span>& across, std::uint32_t rows,
                        std::uint8_t* to) {
    for (const Span& span : across) {
        Total totals[kChannels] = {};
        const Sum* from = sums.data() + std::size_t{span.first} * kChannels;
        for (std::uint32_t x = 0; x < span.count; ++x, from += kChannels)
            for (std::size_t channel = 0; channel < kChannels; ++channel) totals[channel] += from[channel];
        const Total samples = Total{span.count} * rows;
        for (const Total total : totals) *to++ = static_cast<std::uint8_t>(total / samples);
    }
    return to;
}

template <std::size_t kChannels, typename Total, typename Sum>
void draw_rows(const JpegPixels& picture, const std::vector<Span>& across, const std::vector<Span>& down,
               Bytes& drawn) {
    const std::size_t stride = std::size_t{picture.width} * kChannels;
    std::vector<Sum> sums(stride);
    std::uint8_t* to = drawn.data();
    for (const Span& span : down) {
        std::fill(sums.begin(), sums.end(), Sum{0});
        for (std::uint32_t y = span.first; y < span.first + span.count; ++y)
            add_row(picture.samples.data() + y * stride, stride, sums.data());
        to = put_means<kChannels, Total>(sums, across, span.count, to);
    }
}

std::uint32_t largest(const std::vector<Span>& spans) {
    return std::max_element(spans.begin(), spans.end(),
                            [](const Span& a, const Span& b) { return a.count < b.count; })
        ->count;
}

template <std::size_t kChannels>
void draw(const JpegPixels& picture, const std::vector<Span>& across, const std::vector<Span>& down,
          Bytes& drawn) {
    constexpr std::uint32_t kFewSamples = 257;  // 255 times as many are 16 bits
    if (largest(across) <= kFewSamples && largest(down) <= kFewSamples)
        return draw_rows<kChannels, std::uint32_t, std::uint16_t>(picture, across, down, drawn);
    draw_rows<kChannels, std::uint64_t, std::uint32_t>(picture, across, down, drawn);
}

}  // namespace

JpegPixels drawn_pixels(const JpegPixels& picture, const PictureUse& use) {
    JpegPixels drawn{use.width_px, use.height_px, picture.channels,
                     Bytes(std::size_t{use.width_px} * use.height_px * picture.channels)};
    const std::vector<Span> across = spans(picture.width, drawn.width);
    const std::vector<Span> down = spans(picture.height, drawn.height);
    if (picture.channels == 1) {
        draw<1>(picture, across, down, drawn.samples);
    } else {
        draw<3>(picture, across, down, drawn.samples);
    }
    return drawn;
}

PdfDrawn::PdfDrawn(const JpegPixels& original, const PdfScreens& screens, const Options& options,
                   double leeway)
    : bound_(is_icon(screens.small) ? options.score_min / 10'000.0
                                    : lowest_score(options, view_of(original), ScoreColors::kRgb, leeway)) {
    show(original, screens.small);
    if (!is_icon(screens.small)) show(original, screens.large);
}

void PdfDrawn::show(const JpegPixels& original, const PictureUse& use) {
    drawn_.push_back(drawn_pixels(original, use));
    drawn_.push_back(drawn_pixels(original, {use.width_px + 1, use.height_px + 1}));
}

double PdfDrawn::score(const JpegPixels& other) const {
    double least = 1;
    for (const JpegPixels& drawn : drawn_) least = std::min(least, score_at(drawn, other));
    return least;
}

double PdfDrawn::aim() const {
    return aim_on_pages(bound_);
}

double PdfDrawn::score_at(const JpegPixels& drawn, const JpegPixels& other) const {
    if (other.channels != drawn.channels) return 0;
    const JpegPixels shown = drawn_pixels(other, {drawn.width, drawn.height});
    return picture_score(drawn.samples, shown.samples, drawn.width, drawn.height, drawn.channels,
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
