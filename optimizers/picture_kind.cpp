// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_kind.hpp"

#include <algorithm>
#include <array>

namespace optimilter {

namespace {

constexpr std::size_t kBlockSide = 8;
constexpr std::size_t kMostBlocksAcrossAndDown = 128;

// Levels between the darkest and the lightest sample of a block.
constexpr int kPlain = 4;     // one colour, but for rounding
constexpr int kFlat = 10;     // one colour, as JPEG leaves it
constexpr int kSharp = 64;    // an edge that catches the eye
constexpr int kGroundOf = 6;  // samples within this part of the range are as dark or as light as it gets
constexpr unsigned kGroundSamples = 28;  // of 64: more of them and the edge stands on a plain ground

// Measured on the corpus (doc/score.md): photos stay below at least one of each row.
constexpr double kTextFlatShare = 0.35;         // of all blocks
constexpr double kTextStrokesInTheRest = 0.30;  // of those that are not flat
constexpr double kTextStrokes = 0.02;
constexpr double kScreenPlainShare = 0.5;
constexpr double kScreenStrokes = 0.05;

struct Census {
    double blocks = 0;
    double plain = 0;
    double flat = 0;
    double strokes = 0;  // sharp edges on a plain ground
};

using Block = std::array<int, kBlockSide * kBlockSide>;

int luma_of(const std::uint8_t* sample, std::size_t channels, ScoreColors colors) {
    if (channels == 1 || colors == ScoreColors::kYCbCr) return sample[0];
    return (77 * sample[0] + 150 * sample[1] + 29 * sample[2] + 128) >> 8;
}

Block block_at(const PictureView& picture, ScoreColors colors, std::size_t left, std::size_t top) {
    Block block;
    std::size_t i = 0;
    for (std::size_t y = top; y < top + kBlockSide; ++y) {
        const std::uint8_t* from = picture.samples + (y * picture.width + left) * picture.channels;
        for (std::size_t x = 0; x < kBlockSide; ++x, from += picture.channels)
            block[i++] = luma_of(from, picture.channels, colors);
    }
    return block;
}

void count(const Block& block, Census& census) {
    // No structured binding: clang 14 does not let a lambda have one.
    const auto ends = std::minmax_element(block.begin(), block.end());
    const int low = *ends.first;
    const int high = *ends.second;
    const int range = high - low;
    census.blocks += 1;
    census.plain += range <= kPlain;
    census.flat += range <= kFlat;
    if (range < kSharp) return;
    const int part = range / kGroundOf;
    const auto dark = std::count_if(block.begin(), block.end(), [&](int v) { return v <= low + part; });
    const auto light = std::count_if(block.begin(), block.end(), [&](int v) { return v >= high - part; });
    census.strokes += std::max(dark, light) >= static_cast<std::ptrdiff_t>(kGroundSamples);
}

Census census_of(const PictureView& picture, ScoreColors colors) {
    Census census;
    const std::size_t across = picture.width / kBlockSide;
    const std::size_t down = picture.height / kBlockSide;
    const std::size_t step_x = across / kMostBlocksAcrossAndDown + 1;
    const std::size_t step_y = down / kMostBlocksAcrossAndDown + 1;
    for (std::size_t y = 0; y < down; y += step_y)
        for (std::size_t x = 0; x < across; x += step_x)
            count(block_at(picture, colors, x * kBlockSide, y * kBlockSide), census);
    return census;
}

}  // namespace

double text_likeness(const PictureView& picture, ScoreColors colors) {
    const Census census = census_of(picture, colors);
    if (census.blocks == 0 || census.strokes == 0) return 0;
    const double strokes = census.strokes / census.blocks;
    const double flat = census.flat / census.blocks;
    // Sharp blocks are not flat, so the rest is never empty here.
    const double in_the_rest = census.strokes / (census.blocks - census.flat);
    const double text =
        std::min({flat / kTextFlatShare, in_the_rest / kTextStrokesInTheRest, strokes / kTextStrokes});
    const double screen =
        std::min(census.plain / census.blocks / kScreenPlainShare, strokes / kScreenStrokes);
    return std::max(text, screen);
}

double lowest_score(const Options& options, double text_likeness, double leeway) {
    const bool text = text_likeness >= kTextFrom + leeway;
    const std::uint16_t bound =
        text ? std::max(options.score_min, options.score_min_text) : options.score_min;
    return bound / 10000.0;
}

double lowest_score(const Options& options, const PictureView& picture, ScoreColors colors, double leeway) {
    return lowest_score(options, text_likeness(picture, colors), leeway);
}

}  // namespace optimilter
