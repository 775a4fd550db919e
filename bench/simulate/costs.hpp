// SPDX-License-Identifier: Apache-2.0
//
// What work on a file costs and saves in the model: the means that bench/job_costs.py measured on real files
// by format, size class and effort, and a scatter around them. Knows no mail and no time. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bench/simulate/random.hpp"
#include "optimizers/format.hpp"

namespace optimilter::sim {

struct Cost {
    double cpu_ms = 0;
    double saved_bytes = 0;
};

// Of one file, size in decoded bytes; effort 0 to 4.
Cost job_cost(Format format, std::size_t size, std::uint32_t effort, Random& random);

// The same without scatter: what is to be expected.
Cost mean_cost(Format format, std::size_t size, std::uint32_t effort);

// Whether a deadline that cuts the work short leaves a part of its saving (containers) or nothing.
bool is_anytime(Format format);

}  // namespace optimilter::sim
