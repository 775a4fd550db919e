// SPDX-License-Identifier: Apache-2.0
//
// Is it a picture of text (a screen, a scanned page, a drawing) or a photo? Ringing shows on plain ground
// beside sharp edges, so the former are held to a stricter bound. Looks at luma alone, in blocks of 8x8.
// Thread safe: pure functions.
#pragma once

#include "optimizers/options.hpp"
#include "optimizers/score_planes.hpp"

namespace optimilter {

// At least kTextFrom: a picture of text. Of a large picture about 16 000 blocks are looked at, on a grid.
constexpr double kTextFrom = 1.0;
double text_likeness(const PictureView& picture, ScoreColors colors);

// The score that a lossy copy of the picture must reach, 0.0 .. 1.0. leeway: for a second look at the same
// picture by another decoder, whose rounding must not make text of what was none.
constexpr double kSecondLookLeeway = 0.05;
double lowest_score(const Options& options, double text_likeness, double leeway = 0.0);
double lowest_score(const Options& options, const PictureView& picture, ScoreColors colors,
                    double leeway = 0.0);

}  // namespace optimilter
