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

}  // namespace optimilter
