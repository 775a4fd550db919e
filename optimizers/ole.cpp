// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "optimizers/formats.hpp"
#include "optimizers/ole_untouchable.hpp"
#include "optimizers/ole_work.hpp"
#include "optimizers/ole_writer.hpp"

namespace optimilter {

namespace {

// The kinds of files that are known by a stream of their root.
struct Kind {
    std::string_view stream;
    std::optional<Attempt> (*work)(OleWork& work);
};
constexpr Kind kKinds[] = {
    {"PowerPoint Document", work_on_ppt},
    {"WordDocument", work_on_doc},
    {"__properties_version1.0", work_on_msg},
};

std::optional<Attempt> look_for_smaller(OleWork& work) {
    const Kind* known = nullptr;
    for (const Kind& kind : kKinds) {
        if (work.file.root_stream(kind.stream) == nullptr) continue;
        if (known != nullptr) return leave_alone(Outcome::kNotApplicable, "two documents in one container");
        known = &kind;
    }
    if (known == nullptr && (work.file.find(0, "Workbook") || work.file.find(0, "Book"))) {
        return leave_alone(Outcome::kNotApplicable, "pictures of Excel workbooks stay as they are");
    }
    if (known == nullptr || work.file.find(0, "PP97_DUALSTORAGE")) {
        return leave_alone(Outcome::kNotApplicable, "no kind of OLE file whose pictures are known");
    }
    return known->work(work);
}

Outcome refusal(ErrorCode code) {
    if (code == ErrorCode::kLimit) return Outcome::kOverBudget;
    return code == ErrorCode::kUnsupported ? Outcome::kNotApplicable : Outcome::kMalformed;
}

Attempt finished(OleWork& work) {
    if (work.replacements.empty()) {
        return work.out_of_budget ? leave_alone(Outcome::kOverBudget, "no time or budget for any picture")
                                  : leave_alone(Outcome::kNotSmaller, "no picture inside became smaller");
    }
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = write_ole(work.file, work.replacements);
    attempt.score = work.score;
    attempt.changes = std::move(work.changes);
    return attempt;
}

}  // namespace

std::optional<Bytes> OleWork::shrink(ByteView member, const TypeHint& hint, std::size_t index) {
    // What writing and verifying take, and a quarter of the rest, because no optimizer stops to the
    // millisecond.
    const std::int64_t finish_ms = 20 + static_cast<std::int64_t>(file_size / 100'000);
    const std::int64_t left_ms = context.budget.deadline().remaining_ms();
    if (left_ms <= finish_ms) {
        out_of_budget = true;
        return std::nullopt;
    }
    const ReservedTime reserved(context.budget, finish_ms + left_ms / 4);
    OptimizeResult result = context.nested(member, hint, {});
    if (result.outcome == Outcome::kOverBudget) out_of_budget = true;
    if (result.outcome != Outcome::kOptimized || result.output_format != result.format) return std::nullopt;
    if (result.score) score = std::min(score.value_or(*result.score), *result.score);
    changes.push_back({index, sha256(result.output)});
    return std::move(result.output);
}

std::optional<Bytes> OleWork::shrink_blip(ByteView record, std::size_t index) {
    const auto blip = blip_of(record);
    if (!blip) return std::nullopt;
    const auto smaller = shrink(record.subspan(blip->picture_at), {}, index);
    if (!smaller) return std::nullopt;
    return with_picture(record, *blip, *smaller);
}

Attempt optimize_ole(ByteView input, Context& context) {
    if (!context.budget.spend_expanded_bytes(input.size())) {
        return leave_alone(Outcome::kOverBudget, "too many bytes");
    }
    const auto file = read_ole(input, context.options.max_entries);
    if (!file) return leave_alone(refusal(file.error().code), file.error().text);
    if (!context.budget.spend_entries(file->entries.size())) {
        return leave_alone(Outcome::kOverBudget, "too many entries");
    }
    if (auto untouchable = ole_untouchable(*file)) return *untouchable;
    OleWork work{*file, context, input.size(), {}, {}, {}, false};
    if (auto refused = look_for_smaller(work)) return *refused;
    return finished(work);
}

}  // namespace optimilter
