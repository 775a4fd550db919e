// SPDX-License-Identifier: Apache-2.0
#include "optimizers/optimize.hpp"

#include <cmath>
#include <new>
#include <stdexcept>

#include "check.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;

namespace {

// Rows of a table made for these tests: each breaks one promise.
Attempt half(ByteView input) {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output.assign(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(input.size() / 2));
    return attempt;
}
Attempt good(ByteView input, Context&) {
    return half(input);
}
Attempt same_size(ByteView input, Context&) {
    Attempt attempt = half(input);
    attempt.output.assign(input.begin(), input.end());
    return attempt;
}
Attempt nothing_at_all(ByteView, Context&) {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    return attempt;
}
Attempt scored(ByteView input, double score) {
    Attempt attempt = half(input);
    attempt.score = score;
    return attempt;
}
Attempt lossy_fine(ByteView input, Context&) {
    return scored(input, 0.99);
}
Attempt lossy_poor(ByteView input, Context&) {
    return scored(input, 0.90);
}
Attempt lossy_no_number(ByteView input, Context&) {
    return scored(input, std::nan(""));
}
Attempt no_memory(ByteView, Context&) {
    throw std::bad_alloc();
}
Attempt throws(ByteView, Context&) {
    throw std::runtime_error("bad\x1b[31m luck");
}
Attempt declines(ByteView, Context&) {
    return leave_alone(Outcome::kUntouchable, "signed");
}
std::string verified(ByteView, const Attempt&, Context&) {
    return {};
}
std::string not_verified(ByteView, const Attempt&, Context&) {
    return "pixels differ";
}
std::string verify_throws(ByteView, const Attempt&, Context&) {
    throw std::bad_alloc();
}

struct Case {
    const char* name;
    Attempt (*optimize)(ByteView, Context&);
    std::string (*verify)(ByteView, const Attempt&, Context&);
    bool lossy;
    Outcome want;
    const char* reason;
};

constexpr Case kCases[] = {
    {"good", good, verified, false, Outcome::kOptimized, ""},
    {"not verified", good, not_verified, false, Outcome::kTooDifferent, "pixels differ"},
    {"same size", same_size, verified, false, Outcome::kNotSmaller, "not smaller"},
    {"nothing at all", nothing_at_all, verified, false, Outcome::kNotSmaller, "not smaller"},
    {"lossy, allowed", lossy_fine, verified, true, Outcome::kOptimized, ""},
    {"lossy, not allowed", lossy_fine, verified, false, Outcome::kTooDifferent, "lossless"},
    {"lossy, poor", lossy_poor, verified, true, Outcome::kTooDifferent, "score"},
    {"lossy, no score", lossy_no_number, verified, true, Outcome::kTooDifferent, "score"},
    {"memory", no_memory, verified, false, Outcome::kOverBudget, "memory"},
    {"memory while verifying", good, verify_throws, false, Outcome::kOverBudget, "memory"},
    {"exception", throws, verified, false, Outcome::kMalformed, "decoder: bad?[31m luck"},
    {"declined", declines, not_verified, false, Outcome::kUntouchable, "signed"},
};

void promises_of_all_formats() {
    const std::string input(100, 'x');
    for (const Case& row : kCases) {
        Options options;
        options.lossy = row.lossy;
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, nullptr};
        const Optimizer optimizer{"test", Format::kGif, false, row.optimize, row.verify};
        const OptimizeResult result = run_optimizer(optimizer, as_bytes(input), context);
        CHECK_EQ(outcome_name(result.outcome), outcome_name(row.want), row.name);
        CHECK(result.reason.find(row.reason) != std::string::npos, result.reason);
        CHECK_EQ(result.reason.empty(), row.want == Outcome::kOptimized, row.name);
        CHECK_EQ(result.output.empty(), row.want != Outcome::kOptimized, row.name);
        CHECK_EQ(result.score.has_value(), row.lossy && row.want == Outcome::kOptimized, row.name);
        CHECK_EQ(result.optimizer, "test", row.name);
    }
}

// A verification that fails because its time is up is no sign of a difference.
void late_verification() {
    const Options options;
    Budget budget(Deadline::in_ms(-1), options);
    Context context{options, budget, 0, nullptr};
    const Optimizer optimizer{"test", Format::kGif, false, good, not_verified};
    const OptimizeResult result = run_optimizer(optimizer, as_bytes("0123456789"), context);
    CHECK_EQ(outcome_name(result.outcome), "over_budget");
}

OptimizeResult run(ByteView input, const Options& options, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

void what_is_not_even_tried() {
    const Bytes archive = build({{.name = "a", .content = prose(2000)}});
    Options options;
    CHECK_EQ(outcome_name(run({}, options).outcome), "not_applicable");
    const ByteView rar = as_bytes("Rar!\x1A\x07");
    CHECK_EQ(outcome_name(run(rar, options).outcome), "not_applicable");
    CHECK_EQ(format_name(run(rar, options).format), "rar");
    CHECK_EQ(outcome_name(run(archive, options).outcome), "optimized");

    const OptimizeResult late = run(archive, options, Deadline::in_ms(-1));
    CHECK_EQ(outcome_name(late.outcome), "over_budget");
    CHECK_EQ(late.reason, "deadline");

    options.enabled_formats &= ~(1u << static_cast<unsigned>(Format::kZip));
    const OptimizeResult off = run(archive, options);
    CHECK_EQ(outcome_name(off.outcome), "not_applicable");
    CHECK_EQ(off.reason, "format switched off");
    CHECK(off.optimizer.empty());

    options = Options();
    options.max_depth = 0;
    CHECK_EQ(outcome_name(run(archive, options).outcome), "over_budget");
}

void budget_is_spent_not_reset() {
    Options options;
    options.max_entries = 3;
    options.max_expanded_bytes = 10;
    options.max_pixels = 4;
    Budget budget(Deadline(), options);
    CHECK(budget.spend_entries(2) && !budget.spend_entries(2) && budget.spend_entries(1));
    CHECK(!budget.spend_expanded_bytes(~std::uint64_t{0}));
    CHECK_EQ(budget.expanded_bytes_left(), std::uint64_t{10});
    CHECK(budget.spend_pixels(4) && !budget.spend_pixels(1));
}

void reserved_time_comes_back() {
    const Options options;
    Budget budget(Deadline::in_ms(3'600'000), options);
    const auto before = budget.deadline().at();
    {
        const ReservedTime outer(budget, 1000);
        CHECK(budget.deadline().at() == before - std::chrono::milliseconds(1000));
        // Never more than half of what is left.
        const ReservedTime inner(budget, 7'200'000);
        CHECK(budget.deadline().remaining_ms() > 1'700'000);
    }
    CHECK(budget.deadline().at() == before);
}

void every_row_is_found() {
    for (const Format format :
         {Format::kJpeg,     Format::kPng,  Format::kZip,   Format::kOoxml, Format::kOdf,      Format::kEpub,
          Format::kGif,      Format::kTiff, Format::kWebp,  Format::kPdf,   Format::kOle,      Format::kTar,
          Format::kSevenZip, Format::kGzip, Format::kBzip2, Format::kXz,    Format::kZstd,     Format::kBmp,
          Format::kTga,      Format::kPcx,  Format::kSgi,   Format::kPnm,   Format::kSunRaster}) {
        const Optimizer* row = find_optimizer(format);
        CHECK(row != nullptr && row->format == format, format_name(format));
        CHECK_EQ(row->name, format_name(format));
    }
    for (const Format format : {Format::kUnknown, Format::kApng, Format::kJar, Format::kHeif, Format::kRar}) {
        CHECK(find_optimizer(format) == nullptr, format_name(format));
    }
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {
        TEST(promises_of_all_formats),   TEST(late_verification),        TEST(what_is_not_even_tried),
        TEST(budget_is_spent_not_reset), TEST(reserved_time_comes_back), TEST(every_row_is_found),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
