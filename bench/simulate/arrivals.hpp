// SPDX-License-Identifier: Apache-2.0
//
// When mail arrives: a rate over time in one of a few shapes, and chance (Poisson) around it. Pure functions
// and one small generator; not thread safe.
#pragma once

#include <optional>
#include <string_view>

#include "bench/simulate/random.hpp"

namespace optimilter::sim {

enum class Shape { kSteady, kRamp, kSpike, kSawTooth, kDay, kFlood };
// "steady", "ramp", "spike", "saw", "day", "flood"; nullopt: none of them.
std::optional<Shape> shape_named(std::string_view name);

// Messages a second at a moment of a run of so many seconds whose top is rate. All but steady begin and end
// with little.
double rate_at(Shape shape, double rate, double second, double seconds);

// Milliseconds of the next arrival after now_ms.
double next_arrival_ms(Shape shape, double rate, double seconds, double now_ms, Random& random);

}  // namespace optimilter::sim
