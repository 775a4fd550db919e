// SPDX-License-Identifier: Apache-2.0
//
// What a run of the model was like: totals, a CSV line a second, and a picture (SVG, written by hand: three
// graphs over one time axis). Pure functions; nothing is owned.
#pragma once

#include <string>
#include <vector>

#include "bench/simulate/host.hpp"

namespace optimilter::sim {

struct Totals {
    std::uint64_t arrived = 0, accepted = 0, refused = 0, worked = 0, missed = 0;
    double saved_bytes = 0, cpu_ms = 0;
    double p50_ms = 0, p95_ms = 0, p99_ms = 0;  // that the filter added
    double busy = 0;                            // mean, 0..1
    double level = 0;                           // mean
    int changes = 0;                            // of the level
    int highest = 0;
};

// from: seconds of the beginning that are left out, while the load builds up.
Totals totals(const std::vector<Second>& seconds, std::size_t from);

// One line of text for people; the same as "key=value" words for scripts.
std::string totals_text(const Totals& totals, double seconds);
std::string totals_words(const Totals& totals, double seconds);

std::string csv(const std::vector<Second>& seconds);
std::string svg(const std::vector<Second>& seconds, const std::string& title);

}  // namespace optimilter::sim
