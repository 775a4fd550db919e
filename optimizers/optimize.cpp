// SPDX-License-Identifier: Apache-2.0
#include "optimizers/optimize.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>

#include "optimizers/vips_setup.hpp"

namespace optimilter {

namespace {

OptimizeResult optimize_at(ByteView input, const TypeHint& hint, const Options& options, Budget& budget,
                           int depth);

OptimizeResult kept(OptimizeResult result, Outcome outcome, std::string reason) {
    result.outcome = outcome;
    result.reason = std::move(reason);
    result.output = Bytes();
    result.score.reset();
    return result;
}

OptimizeResult run_row(const Optimizer& row, ByteView input, Context& context, OptimizeResult result) {
    result.optimizer = row.name;
    Attempt attempt = row.optimize(input, context);
    if (attempt.outcome != Outcome::kOptimized)
        return kept(std::move(result), attempt.outcome, attempt.reason);
    if (attempt.output.size() >= input.size())
        return kept(std::move(result), Outcome::kNotSmaller, "not smaller");
    if (std::string why = row.verify(input, attempt, context); !why.empty()) {
        return kept(std::move(result), Outcome::kTooDifferent, std::move(why));
    }
    result.outcome = Outcome::kOptimized;
    result.score = attempt.score;
    result.output = std::move(attempt.output);
    return result;
}

OptimizeResult optimize_at(ByteView input, const TypeHint& hint, const Options& options, Budget& budget,
                           int depth) {
    OptimizeResult result;
    result.format = sniff(input, hint);
    const Optimizer* row = find_optimizer(result.format);
    if (row == nullptr)
        return kept(std::move(result), Outcome::kNotApplicable, "no optimizer for this format");
    if (!options.enabled(result.format))
        return kept(std::move(result), Outcome::kNotApplicable, "format switched off");
    if (budget.expired()) return kept(std::move(result), Outcome::kOverBudget, "deadline");
    if (row->container && depth >= options.max_depth) {
        return kept(std::move(result), Outcome::kOverBudget, "containers nested too deep");
    }
    Context context{options, budget, depth, [&](ByteView member, const TypeHint& member_hint) {
                        return optimize_at(member, member_hint, options, budget, depth + 1);
                    }};
    try {
        return run_row(*row, input, context, std::move(result));
    } catch (const std::bad_alloc&) {
        return kept(OptimizeResult{{}, {}, sniff(input, hint), row->name, {}, {}}, Outcome::kOverBudget,
                    "memory");
    } catch (const std::exception& error) {
        return kept(OptimizeResult{{}, {}, sniff(input, hint), row->name, {}, {}}, Outcome::kMalformed,
                    fmt::format("decoder: {}", error.what()));
    }
}

}  // namespace

void initialize_optimizers() {
    initialize_vips();
}

OptimizeResult optimize(ByteView input, const TypeHint& hint, const Options& options, Budget& budget) {
    return optimize_at(input, hint, options, budget, 0);
}

}  // namespace optimilter
