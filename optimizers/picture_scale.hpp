// SPDX-License-Identifier: Apache-2.0
//
// How far a picture inside a document is scaled down: to what its largest use shows of it, keeping its
// proportions. Knows neither formats nor documents. Thread safe: pure functions.
#pragma once

#include <cstdint>

#include "optimizers/optimize.hpp"

namespace optimilter {

// In pixels.
struct PictureSize {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

// The size for a picture of this size that has this use: its own unless it is larger than the use by a
// margin, both across and down, so that a second pass finds nothing to do. turned: the file asks to be shown
// turned by a quarter; not every program obeys, so the use must fit either way.
PictureSize size_for_use(PictureSize size, const PictureUse& use, bool turned);

// true for sizes that size_for_use() gives for this use: such a picture may have been scaled to it before.
bool is_cut_to_use(PictureSize size, const PictureUse& use);

// Whether a picture of this size may be replaced by one of another size, judged without knowing the way
// size_for_use() takes: not larger, not smaller than the use, proportions kept to the pixel.
bool size_is_allowed(PictureSize size, PictureSize result, const PictureUse& use);

}  // namespace optimilter
