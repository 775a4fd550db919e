// SPDX-License-Identifier: Apache-2.0
//
// What each level of load leaves of the work.
#include <algorithm>
#include <cmath>

#include "policy/load_controller.hpp"

namespace optimilter {

namespace {

// Bounds lo <= hi, brought together by shares of their distance on a logarithmic scale, so that they never
// cross however near the operator has set them.
void close_window(LoadLimits& limits, double share_below, double share_above) {
    const double low = static_cast<double>(std::max<std::uint64_t>(limits.min_size, 1024));
    const double high = static_cast<double>(limits.max_size);
    if (high <= low) return;
    const double distance = std::log(high / low);
    limits.min_size = static_cast<std::uint64_t>(std::llround(low * std::exp(distance * share_below)));
    limits.max_size = static_cast<std::uint64_t>(std::llround(high * std::exp(-distance * share_above)));
}

// What each level leaves of the work. Chosen with bench/simulate, see doc/load.md.
struct LevelRow {
    double share_below, share_above;  // of the window, on a logarithmic scale
    std::uint8_t effort_drop;
    double yield_factor;  // of load_yield
};
constexpr LevelRow kLevels[] = {
    {0, 0, 0, 0},
    {1 / 13.0, 1 / 13.0, 1, 1},
    {2 / 13.0, 2 / 13.0, 2, 2},
    {3 / 13.0, 3 / 13.0, 3, 4},
    {4 / 13.0, 4 / 13.0, 4, 8},
};

}  // namespace

LoadLimits load_limits(const LoadState& state, const Settings& settings) {
    const std::uint8_t level = std::min(state.level, kLoadBypass);
    // Probes in bypass see the level that comes after it.
    const LevelRow& row = kLevels[std::min<std::size_t>(level, kLoadBypass - 1)];
    LoadLimits limits;
    limits.level = level;
    limits.pressure = state.pressure;
    limits.signal = state.signal;
    limits.min_size = settings.min_size;
    limits.max_size = settings.max_size;
    if (level > 0) close_window(limits, row.share_below, row.share_above);
    const std::uint32_t effort = settings.effort;
    limits.effort_max = static_cast<std::uint8_t>(effort - std::min<std::uint32_t>(effort, row.effort_drop));
    limits.least_yield = row.yield_factor * settings.load_yield;
    limits.bypass = level == kLoadBypass;
    limits.probe_one_in = limits.bypass && !state.pin ? settings.load_probe_one_in : 0;
    return limits;
}

std::string_view load_excluded(const LoadLimits& limits, double expected_yield, std::size_t decoded_size) {
    if (limits.level == 0) return {};
    if (decoded_size < limits.min_size) return "load: smaller than the window";
    if (decoded_size > limits.max_size) return "load: larger than the window";
    if (expected_yield < limits.least_yield) return "load: saves too little for its CPU time";
    return {};
}

}  // namespace optimilter
