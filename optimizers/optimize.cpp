// SPDX-License-Identifier: Apache-2.0
#include "optimizers/optimize.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>

#include "base/text.hpp"
#include "optimizers/pdf_setup.hpp"
#include "optimizers/rare_raster.hpp"
#include "optimizers/score_scale.hpp"
#include "optimizers/vips_setup.hpp"
#include "optimizers/zip_second_reader.hpp"

namespace optimilter {

namespace {

// The original stays: whatever result held of a candidate is dropped.
void keep(OptimizeResult& result, Outcome outcome, std::string reason) {
    result.outcome = outcome;
    result.reason = std::move(reason);
    result.output = Bytes();
    result.output_format = Format::kUnknown;
    result.score.reset();
}

// What every format must hold to, asked before its own verification.
std::string broken_promise(const Attempt& attempt, const Options& options) {
    if (!attempt.score) return {};
    if (!options.lossy) return "changed with loss where only lossless is allowed";
    // The lowest bound that any format has; its own verification knows which one holds. Written so that a
    // score that is no number fails.
    if (!(*attempt.score >= palette_bound(options.score_min / 10'000.0))) return "score below the bound";
    return {};
}

void run_row(const Optimizer& row, ByteView input, Context& context, OptimizeResult& result) {
    Attempt attempt = row.optimize(input, context);
    if (attempt.outcome != Outcome::kOptimized) {
        return keep(result, attempt.outcome, std::move(attempt.reason));
    }
    if (attempt.output.empty() || attempt.output.size() >= input.size()) {
        return keep(result, Outcome::kNotSmaller, "not smaller");
    }
    std::string why = broken_promise(attempt, context.options);
    if (why.empty()) why = row.verify(input, attempt, context);
    if (!why.empty()) {
        const bool late = context.budget.expired();
        return keep(result, late ? Outcome::kOverBudget : Outcome::kTooDifferent, std::move(why));
    }
    result.outcome = Outcome::kOptimized;
    result.score = attempt.score;
    result.output_format = attempt.converted_to == Format::kUnknown ? row.format : attempt.converted_to;
    result.output = std::move(attempt.output);
}

OptimizeResult optimize_at(ByteView input, const TypeHint& hint, const Options& options, Budget& budget,
                           int depth, const PictureUse& use) {
    OptimizeResult result;
    result.format = sniff(input, hint);
    const Optimizer* row = find_optimizer(result.format);
    if (row == nullptr) {
        keep(result, Outcome::kNotApplicable, "no optimizer for this format");
    } else if (!options.enabled(result.format)) {
        keep(result, Outcome::kNotApplicable, "format switched off");
    } else if (budget.expired()) {
        keep(result, Outcome::kOverBudget, "deadline");
    } else if (row->container && depth >= options.max_depth) {
        keep(result, Outcome::kOverBudget, "containers nested too deep");
    } else {
        const auto nested = [&](ByteView member, const TypeHint& member_hint, const PictureUse& member_use) {
            return optimize_at(member, member_hint, options, budget, depth + 1, member_use);
        };
        Context context{options, budget, depth, nested, use};
        return run_optimizer(*row, input, context);
    }
    return result;
}

}  // namespace

Outcome outcome_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::kRefused:
            return Outcome::kUntouchable;
        case ErrorCode::kUnsupported:
            return Outcome::kNotApplicable;
        case ErrorCode::kLimit:
        case ErrorCode::kDeadline:
            return Outcome::kOverBudget;
        default:
            return Outcome::kMalformed;
    }
}

OptimizeResult run_optimizer(const Optimizer& row, ByteView input, Context& context) {
    OptimizeResult result;
    result.format = row.format;
    result.optimizer = row.name;
    try {
        run_row(row, input, context, result);
    } catch (const std::bad_alloc&) {
        keep(result, Outcome::kOverBudget, "memory");
    } catch (const std::exception& error) {
        keep(result, Outcome::kMalformed, fmt::format("decoder: {}", printable(error.what())));
    }
    return result;
}

void initialize_optimizers() {
    initialize_vips();
    initialize_magick();
    warm_up_pdf();
    warm_up_second_reader();
}

OptimizeResult optimize(ByteView input, const TypeHint& hint, const Options& options, Budget& budget) {
    return optimize_at(input, hint, options, budget, 0, {});
}

}  // namespace optimilter
