// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "optimizers/archive_listing.hpp"
#include "optimizers/archive_seals.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/seven_zip_reader.hpp"
#include "optimizers/seven_zip_writer.hpp"
#include "optimizers/stream_codec.hpp"
#include "optimizers/stream_encoders.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

namespace {

constexpr std::uint64_t kHarmless = 8u << 20;
constexpr std::uint64_t kRatioMax = 200;

// One archive on its way to a smaller one: its members are optimised, then all are packed anew. Packing the
// same contents anew gains nothing worth its time, so without a smaller member nothing is written.
class SevenZipRepacking {
  public:
    SevenZipRepacking(ByteView input, const SevenZipArchive& archive, Context& context)
        : input_(input), archive_(archive), context_(context) {}

    Attempt run();

  private:
    std::optional<Attempt> read();
    bool agrees() const;
    void shrink(std::size_t index);
    std::int64_t finish_ms() const;
    Attempt finish();

    ByteView input_;
    const SevenZipArchive& archive_;
    Context& context_;
    bool out_of_budget_ = false;
    std::vector<ListedEntry> entries_;
    std::vector<Bytes> contents_;
    std::vector<MemberChange> changes_;
    std::optional<double> score_;
};

// Verifying reads both archives.
std::int64_t SevenZipRepacking::finish_ms() const {
    return least_compress_ms(Format::kXz, archive_.content_size) +
           2 * expand_ms(Format::kXz, archive_.content_size) + 5;
}

// libarchive and our reader must see the same files with and without content.
bool SevenZipRepacking::agrees() const {
    if (entries_.size() != archive_.has_content.size()) return false;
    std::size_t next = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const std::uint64_t want = archive_.has_content[i] ? archive_.sizes[next++] : 0;
        if (entries_[i].size != want) return false;
    }
    return true;
}

std::optional<Attempt> SevenZipRepacking::read() {
    auto listed = list_archive(input_, Format::kSevenZip, archive_.content_size, context_.budget, &contents_);
    if (!listed && listed.error().code == ErrorCode::kMalformed && archive_.unusual_method) {
        return leave_alone(Outcome::kUntouchable, "packed by a method that libarchive does not know");
    }
    if (!listed) return leave_alone(zip_refusal(listed.error().code), listed.error().text);
    entries_ = std::move(listed).value();
    // libarchive shows where they lead as no content.
    if (std::any_of(entries_.begin(), entries_.end(),
                    [](const auto& entry) { return entry.symbolic_link; })) {
        return leave_alone(Outcome::kUntouchable, "7z archive with symbolic links");
    }
    if (!agrees()) return leave_alone(Outcome::kMalformed, "two readers see different members");
    std::vector<std::string> names;
    for (const ListedEntry& entry : entries_) names.push_back(entry.name);
    if (auto sealed = sealed_by_names(names)) return leave_alone(Outcome::kUntouchable, *sealed);
    return std::nullopt;
}

void SevenZipRepacking::shrink(std::size_t index) {
    const ListedEntry& entry = entries_[index];
    if (!entry.plain_file || find_optimizer(entry.format) == nullptr) return;
    const Deadline deadline = context_.budget.deadline();
    if (deadline.short_of_time(deadline.remaining_ms() <= finish_ms())) {
        out_of_budget_ = true;
        return;
    }
    const ReservedTime reserved(context_.budget, finish_ms() + deadline.remaining_ms() / 4);
    const TypeHint hint{{}, entry.name};
    OptimizeResult result = context_.nested(contents_[index], hint, {});
    if (result.outcome == Outcome::kOverBudget) out_of_budget_ = true;
    if (result.outcome != Outcome::kOptimized || result.output_format != entry.format) return;
    if (sniff(result.output, hint) != entry.format) return;
    changes_.push_back({index, sha256(result.output)});
    if (result.score) score_ = std::min(score_.value_or(*result.score), *result.score);
    contents_[index] = std::move(result.output);
}

Attempt SevenZipRepacking::finish() {
    if (changes_.empty()) {
        return out_of_budget_ ? leave_alone(Outcome::kOverBudget, "no time or budget for any member")
                              : leave_alone(Outcome::kNotSmaller, "no member became smaller");
    }
    std::vector<ByteView> packed;
    for (std::size_t i = 0; i < contents_.size(); ++i) {
        if (archive_.has_content[i]) packed.push_back(contents_[i]);
    }
    const ReservedTime reserved(context_.budget, 2 * expand_ms(Format::kXz, archive_.content_size) + 5);
    const auto level =
        stream_level(Format::kXz, context_.options.effort, archive_.content_size, context_.budget.deadline());
    if (!level) return leave_alone(Outcome::kOverBudget, "no time to compress");
    auto output = write_seven_zip(archive_, packed, *level, input_.size() - 1, context_.budget);
    if (!output) {
        const bool late = output.error().code == ErrorCode::kDeadline;
        return leave_alone(late ? Outcome::kOverBudget : Outcome::kNotSmaller, output.error().text);
    }
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = std::move(output).value();
    attempt.score = score_;
    attempt.changes = std::move(changes_);
    return attempt;
}

Attempt SevenZipRepacking::run() {
    if (auto refused = read()) return *refused;
    for (std::size_t i = 0; i < entries_.size(); ++i) shrink(i);
    return finish();
}

}  // namespace

Attempt optimize_seven_zip(ByteView input, Context& context) {
    const auto archive = read_seven_zip(input, context.options.max_entries);
    if (!archive) return leave_alone(zip_refusal(archive.error().code), archive.error().text);
    const std::uint64_t size = archive->content_size;
    if (size > kHarmless && size > kRatioMax * input.size())
        return leave_alone(Outcome::kOverBudget, "expands too far");
    if (!context.budget.spend_entries(archive->has_content.size()) ||
        !context.budget.spend_expanded_bytes(size)) {
        return leave_alone(Outcome::kOverBudget, "too many entries or bytes");
    }
    const Deadline deadline = context.budget.deadline();
    if (deadline.short_of_time(4 * expand_ms(Format::kXz, size) > deadline.remaining_ms())) {
        return leave_alone(Outcome::kOverBudget, "no time to expand");
    }
    return SevenZipRepacking(input, *archive, context).run();
}

namespace {

const MemberChange* change_of(const Attempt& attempt, std::size_t index) {
    const auto found = std::find_if(attempt.changes.begin(), attempt.changes.end(),
                                    [index](const MemberChange& change) { return change.index == index; });
    return found == attempt.changes.end() ? nullptr : &*found;
}

std::string compare_entries(const ListedEntry& before, const ListedEntry& after, const MemberChange* change) {
    if (before.metadata != after.metadata) return "second reader: metadata of an entry differs";
    if (change == nullptr) return before.content == after.content ? "" : "content differs";
    if (!before.plain_file) return "content of what is no plain file was changed";
    if (after.content != change->content) return "content is not what was verified";
    return before.format == after.format ? "" : "format changed";
}

}  // namespace

std::string verify_seven_zip(ByteView input, const Attempt& attempt, Context& context) {
    const auto before = read_seven_zip(input, context.options.max_entries);
    if (!before) return before.error().text;
    const auto after = read_seven_zip(attempt.output, context.options.max_entries);
    if (!after) return "result: " + after.error().text;
    if (before->files != after->files || before->has_content != after->has_content)
        return "properties of files differ";
    const auto a = list_archive(input, Format::kSevenZip, before->content_size, context.budget);
    if (!a) return a.error().text;
    const auto b = list_archive(attempt.output, Format::kSevenZip, before->content_size, context.budget);
    if (!b) return "result: " + b.error().text;
    if (a->size() != b->size() || a->size() != before->has_content.size()) return "number of entries differs";
    for (std::size_t i = 0; i < a->size(); ++i) {
        std::string why = compare_entries((*a)[i], (*b)[i], change_of(attempt, i));
        if (!why.empty()) return why;
    }
    return {};
}

}  // namespace optimilter
