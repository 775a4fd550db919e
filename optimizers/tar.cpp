// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "optimizers/archive_seals.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/tar_reader.hpp"
#include "optimizers/tar_writer.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

namespace {

// One archive on its way to a smaller one. Members that time did not reach stay as they are.
class TarRepacking {
  public:
    TarRepacking(ByteView input, const TarArchive& archive, Context& context)
        : input_(input), archive_(archive), context_(context) {}

    Attempt run();

  private:
    void shrink(std::size_t index);
    std::int64_t finish_ms() const;
    Attempt finish();

    ByteView input_;
    const TarArchive& archive_;
    Context& context_;
    bool out_of_budget_ = false;
    TarReplacements replacements_;
    std::vector<MemberChange> changes_;
    std::optional<double> score_;
};

// Both archives are digested once by libarchive and compared by us; half of the speed measured.
std::int64_t TarRepacking::finish_ms() const {
    constexpr std::size_t kBytesPerMs = 100'000;
    return static_cast<std::int64_t>(2 + input_.size() / kBytesPerMs + archive_.entries.size() / 25);
}

void TarRepacking::shrink(std::size_t index) {
    const TarEntry& entry = archive_.entries[index];
    const ByteView content = slice(input_, entry.data);
    const TypeHint hint{{}, entry.name};
    const Format format = sniff(content, hint);
    if (find_optimizer(format) == nullptr) return;
    const Deadline deadline = context_.budget.deadline();
    if (deadline.short_of_time(deadline.remaining_ms() <= finish_ms())) {
        out_of_budget_ = true;
        return;
    }
    const ReservedTime reserved(context_.budget, finish_ms() + deadline.remaining_ms() / 4);
    OptimizeResult result = context_.nested(content, hint, {});
    if (result.outcome == Outcome::kOverBudget) out_of_budget_ = true;
    if (result.outcome != Outcome::kOptimized || result.output_format != format) return;
    if (sniff(result.output, hint) != format) return;
    changes_.push_back({index, sha256(result.output)});
    if (result.score) score_ = std::min(score_.value_or(*result.score), *result.score);
    replacements_[index] = std::move(result.output);
}

Attempt TarRepacking::finish() {
    if (replacements_.empty()) {
        return out_of_budget_ ? leave_alone(Outcome::kOverBudget, "no time or budget for any member")
                              : leave_alone(Outcome::kNotSmaller, "no member became smaller");
    }
    auto output = write_tar(input_, archive_, replacements_);
    if (!output) return leave_alone(Outcome::kNotApplicable, output.error().text);
    std::sort(changes_.begin(), changes_.end(),
              [](const MemberChange& a, const MemberChange& b) { return a.index < b.index; });
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = std::move(output).value();
    attempt.score = score_;
    attempt.changes = std::move(changes_);
    return attempt;
}

Attempt TarRepacking::run() {
    std::vector<std::size_t> order(archive_.entries.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
        return archive_.entries[a].data.size() > archive_.entries[b].data.size();
    });
    for (const std::size_t index : order) {
        if (archive_.entries[index].plain_file) shrink(index);
    }
    return finish();
}

}  // namespace

Attempt optimize_tar(ByteView input, Context& context) {
    const auto archive = read_tar(input, context.options.max_entries);
    if (!archive) return leave_alone(zip_refusal(archive.error().code), archive.error().text);
    if (!context.budget.spend_entries(archive->entries.size())) {
        return leave_alone(Outcome::kOverBudget, "too many entries");
    }
    std::vector<std::string> names;
    for (const TarEntry& entry : archive->entries) names.push_back(entry.name);
    if (auto sealed = sealed_by_names(names)) return leave_alone(Outcome::kUntouchable, *sealed);
    return TarRepacking(input, *archive, context).run();
}

}  // namespace optimilter
