// SPDX-License-Identifier: Apache-2.0
//
// One file through the driver, under the bounds of a fuzz run, and what the driver promises of every result.
// Knows no format. Not thread safe, as the driver.
#pragma once

#include <fmt/format.h>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/optimize.hpp"
#include "optimizers/score_scale.hpp"

namespace optimilter::fuzz {

// Small enough that a hostile file costs milliseconds.
inline Options small_options(bool lossy) {
    Options options;
    options.lossy = lossy;
    options.score_min = 9000;
    options.png_quality_min = 50;
    options.document_ppi = 72;
    options.max_pixels = 128 * 1024;
    options.max_expanded_bytes = 2u << 20;
    options.max_entries = 500;
    return options;
}

// No deadline: what is done must depend on bytes and options alone.
inline OptimizeResult optimize_file(ByteView input, const Options& options, const TypeHint& hint = {}) {
    static const bool initialized = (initialize_optimizers(), true);
    promise(initialized, "the libraries start");
    Budget budget(Deadline::in_ms(600'000), options);
    OptimizeResult result = optimize(input, hint, options, budget);
    if (result.outcome != Outcome::kOptimized) {
        promise(result.output.empty() && !result.score, "no output but of an optimised file");
        promise(!result.reason.empty(), "a refusal has a reason");
        return result;
    }
    promise(!result.output.empty() && result.output.size() < input.size(), "a result is smaller");
    promise(options.lossy || !result.score, "no loss without leave");
    promise(!result.score || *result.score >= palette_bound(options.score_min / 10'000.0),
            "a score reaches its bound");
    promise(sniff(result.output, hint) == result.format, "the format stays");
    return result;
}

// A second pass over our own output changes nothing.
inline void check_second_pass(const OptimizeResult& first, const Options& options,
                              const TypeHint& hint = {}) {
    const OptimizeResult second = optimize_file(first.output, options, hint);
    const Outcome outcome = second.outcome;
    promise(
        outcome == Outcome::kNotSmaller || outcome == Outcome::kNotApplicable ||
            outcome == Outcome::kOverBudget,
        "a second pass changes nothing",
        fmt::format("{} -> {} ({}, {}), {}", first.output.size(), second.output.size(),
                    first.score ? "lossy" : "lossless", second.score ? "lossy" : "lossless", second.reason));
}

}  // namespace optimilter::fuzz
