// SPDX-License-Identifier: Apache-2.0
//
// Orders of palettes: neighbours in the picture become neighbours in the palette, so that differences of
// indexes are small (Zeng's greedy reindexing, as modified by Pinho and Neves). Pure function; thread safe.
#pragma once

#include <cstddef>
#include <vector>

#include "optimizers/png_reduce.hpp"

namespace optimilter {

// The place that each of survey.colors takes. For surveys with few_colors.
std::vector<std::size_t> places_by_neighbours(const ColorSurvey& survey);

}  // namespace optimilter
