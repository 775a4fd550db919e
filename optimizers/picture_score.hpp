// SPDX-License-Identifier: Apache-2.0
//
// How alike two pictures look, measured: the one function that decides whether a lossy result may be kept. It
// says what butteraugli would say within about a quarter, at a hundredth of its time (doc/score.md has the
// evidence and the table of scores). Every pixel counts; nothing is sampled. Thread safe: pure functions.
//
// The picture is cut into tiles of 32x32; the worst tiles decide, because a mean hides a ruined corner.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/score_planes.hpp"
#include "optimizers/score_scale.hpp"

namespace optimilter {

// half: chroma as most viewers and all 4:2:0 files show it; full: where finer chroma could be lost.
enum class ScoreChroma { kHalfSize, kFullSize };

// The side of a tile, in pixels; those at the right and at the bottom may be smaller.
constexpr std::uint32_t kScoreTileSide = 32;

struct PictureComparison {
    double score = 0;           // 0.0 .. 1.0, higher is more alike; 1.0 for the same samples
    double distance = 0;        // what the score is made of; about what butteraugli would print
    double worst_distance = 0;  // of the worst tile
    std::uint32_t worst_x = 0;  // its upper left corner, in pixels
    std::uint32_t worst_y = 0;
    std::array<double, 3> worst_channels{};  // the parts of luma, Cb and Cr in worst_distance
    std::vector<float> tiles;                // distances of all tiles, row by row
};

// a, b: 8-bit samples, interleaved, width x height x channels, rows without padding; channels 1 (gray) or 3.
// The same whichever is called a. Views of a wrong size score 0.
PictureComparison compare_pictures(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                                   std::uint32_t channels, ScoreColors colors = ScoreColors::kRgb,
                                   ScoreChroma chroma = ScoreChroma::kHalfSize);

// Its score alone.
double picture_score(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height,
                     std::uint32_t channels, ScoreColors colors = ScoreColors::kRgb,
                     ScoreChroma chroma = ScoreChroma::kHalfSize);

// The same for a picture that comes a few rows at a time, so that it is never held as a whole: b writes the
// next count rows of it, at least one. Errors: those of b.
using RowSource = std::function<Status(std::uint8_t* to, std::uint32_t count)>;
Result<double> score_of_rows(const PictureView& a, const RowSource& b, ScoreColors colors,
                             ScoreChroma chroma);

}  // namespace optimilter
