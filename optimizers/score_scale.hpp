// SPDX-License-Identifier: Apache-2.0
//
// How a score and a distance between two pictures stand to each other (doc/score.md). Decoder-free. Thread
// safe: pure functions.
#pragma once

namespace optimilter {

constexpr double kScaleOfDistance = 40;

constexpr double score_of_distance(double distance) {
    return 1 / (1 + distance / kScaleOfDistance);
}

// score: above 0.
constexpr double distance_of_score(double score) {
    return (1 / score - 1) * kScaleOfDistance;
}

// What is wanted of pictures as pages show them, from their bound: a little better, as viewers round in their
// own ways. score: above 0.
constexpr double aim_on_pages(double score) {
    constexpr double kOfTheDistance = 0.97;
    return score_of_distance(kOfTheDistance * distance_of_score(score));
}

// The bounds of the profiles are set by what JPEG does: ringing and blocks, which have a shape. A palette
// leaves fine noise, or steps of a level or two; of so much more distance of these the eye makes as little.
constexpr double kPaletteEase = 1.35;

// The bound for pictures that got a palette, from the bound for all others.
constexpr double palette_bound(double bound) {
    return bound > 0 ? score_of_distance(distance_of_score(bound) * kPaletteEase) : 0;
}

}  // namespace optimilter
