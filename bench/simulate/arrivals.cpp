// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate/arrivals.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace optimilter::sim {

namespace {

constexpr std::string_view kShapeNames[] = {"steady", "ramp", "spike", "saw", "day", "flood"};
constexpr double kQuiet = 0.02;  // of the top

// 0..1 at a share of the run.
double share_at(Shape shape, double at) {
    switch (shape) {
        case Shape::kSteady:
            return 1;
        case Shape::kRamp:
            return std::max(kQuiet, at < 0.5 ? 2 * at : 2 - 2 * at);
        case Shape::kSpike:
            return at >= 0.25 && at < 0.30 ? 1 : kQuiet;
        case Shape::kSawTooth:
            return std::max(kQuiet, std::fmod(at * 10, 1.0));
        case Shape::kFlood:
            return at >= 0.2 && at < 0.6 ? 1 : kQuiet;
        case Shape::kDay:
            break;
    }
    const auto hill = [](double x, double width) { return std::exp(-x * x / (width * width)); };
    const double hour = 24 * at;
    return std::min(1.0, kQuiet / 2 + hill(hour - 10.5, 1.8) + 0.8 * hill(hour - 15, 2.2));
}

}  // namespace

std::optional<Shape> shape_named(std::string_view name) {
    const auto found = std::find(std::begin(kShapeNames), std::end(kShapeNames), name);
    if (found == std::end(kShapeNames)) return std::nullopt;
    return static_cast<Shape>(found - std::begin(kShapeNames));
}

double rate_at(Shape shape, double rate, double second, double seconds) {
    return rate * share_at(shape, std::clamp(second / seconds, 0.0, 1.0));
}

// Thinning: arrivals at the top rate, of which each counts with the share of its moment.
double next_arrival_ms(Shape shape, double rate, double seconds, double now_ms, Random& random) {
    do {
        now_ms += random.exponential(1000 / rate);
    } while (now_ms < seconds * 1000 && random.uniform() >= rate_at(shape, 1, now_ms / 1000, seconds));
    return now_ms;
}

}  // namespace optimilter::sim
