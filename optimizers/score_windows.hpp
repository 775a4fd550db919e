// SPDX-License-Identifier: Apache-2.0
//
// The visible error of one channel at one size, in windows of 8x8 samples at every fourth: the difference of
// the two pictures, weighed down where what both show there is busy enough to hide it. Every sample is in a
// window. Thread safe: pure function on values.
#pragma once

#include <cstddef>
#include <vector>

#include "optimizers/score_planes.hpp"

namespace optimilter {

// The errors of one tile's windows: those whose upper left corners lie in it.
struct TileErrors {
    float fourth_powers = 0;  // summed
    unsigned windows = 0;
};

// a, b: planes of one size. tile_side, band_rows: in samples of these planes, multiples of 4; windows that
// start below band_rows belong to the next band. tiles: row after row, columns each.
void add_window_errors(const ScorePlane& a, const ScorePlane& b, std::size_t tile_side, std::size_t band_rows,
                       std::size_t columns, std::vector<TileErrors>& tiles);

}  // namespace optimilter
