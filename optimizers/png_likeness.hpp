// SPDX-License-Identifier: Apache-2.0
//
// How alike a picture and its lossy copy look: picture_score() made fit for alpha, and for palettes
// (doc/formats.md). Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

struct Likeness {
    double score = 0;          // lowest picture_score() over black and over white; of one when all is opaque
    unsigned alpha_error = 0;  // largest difference of two alpha samples, 0..255
    double alpha_rms = 0;      // root of the mean of their squares
    bool palette = false;      // held to the bound for palettes, see score_scale.hpp
    bool text = false;         // held to the stricter bound, see picture_kind.hpp
    std::vector<float> tiles;  // distances, see picture_score.hpp; of both backgrounds the larger one

    // What the score must reach in the profile.
    double least_score(const Options& options) const;
    // Within the bounds of the profile?
    bool acceptable(const Options& options) const;
};

// RGBA in front of a gray background: RGB. 8 bits a sample.
Bytes composed(ByteView rgba, unsigned background);

// a, b: RGBA samples of 8 bits, width x height x 4.
Likeness measure_likeness(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height);

// The same where b has got a palette: the bound forgives fine noise, which neither rings nor blurs.
Likeness measure_palette_likeness(ByteView a, ByteView b, std::uint32_t width, std::uint32_t height);

}  // namespace optimilter
