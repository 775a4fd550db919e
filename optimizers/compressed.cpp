// SPDX-License-Identifier: Apache-2.0
//
// gzip, bzip2, xz and zstd: one compressed stream around one file. The file inside is optimised like any
// other when it has an optimizer (a tar archive, a document); else the same content is compressed better.
#include "optimizers/formats.hpp"
#include "optimizers/stream_codec.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

namespace {

// What is gained by compressing the same content anew must be worth a change: a share of the file.
constexpr std::size_t kLeastGainShare = 200;

class Recompression {
  public:
    Recompression(ByteView input, const StreamFrame& frame, ByteView content, Context& context)
        : input_(input), frame_(frame), content_(content), context_(context) {}

    Attempt run();

  private:
    Attempt with_new_content();
    Attempt with_same_content();
    bool is_in_vain() const;
    Result<Bytes> compress(ByteView content, std::size_t limit_bytes) const;

    ByteView input_;
    const StreamFrame& frame_;
    ByteView content_;
    Context& context_;
};

Attempt refused(const Error& error) {
    if (error.code == ErrorCode::kDeadline) return leave_alone(Outcome::kOverBudget, error.text);
    if (error.code == ErrorCode::kLimit) return leave_alone(Outcome::kNotSmaller, error.text);
    return leave_alone(Outcome::kNotApplicable, error.text);
}

Attempt candidate(Bytes output) {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = std::move(output);
    return attempt;
}

// Verifying expands the original and the result once more; that time is kept.
Result<Bytes> Recompression::compress(ByteView content, std::size_t limit_bytes) const {
    const ReservedTime reserved(context_.budget, 2 * expand_ms(frame_.format, content_.size()) + 2);
    return compress_stream(content, input_, frame_, context_.options.effort, limit_bytes, context_.budget);
}

Attempt Recompression::with_new_content() {
    const TypeHint hint{{}, name_inside(input_, frame_)};
    const Format format = sniff(content_, hint);
    if (find_optimizer(format) == nullptr)
        return leave_alone(Outcome::kNotApplicable, "no optimizer for the content");
    OptimizeResult result;
    {
        const std::int64_t after = least_compress_ms(frame_.format, content_.size()) * 2 +
                                   expand_ms(frame_.format, content_.size()) * 2;
        const ReservedTime reserved(context_.budget, after + 2);
        result = context_.nested(content_, hint, {});
    }
    if (result.outcome != Outcome::kOptimized) return leave_alone(result.outcome, std::move(result.reason));
    if (result.output_format != format || sniff(result.output, hint) != format) {
        return leave_alone(Outcome::kNotApplicable, "content would change its format");
    }
    auto output = compress(result.output, input_.size() - 1);
    if (!output) return refused(output.error());
    Attempt attempt = candidate(std::move(output).value());
    attempt.score = result.score;
    attempt.changes = {{0, sha256(result.output)}};
    return attempt;
}

Attempt Recompression::with_same_content() {
    if (!may_gain(frame_, content_.size())) {
        return leave_alone(Outcome::kNotSmaller, "compressed at full strength");
    }
    auto output = compress(content_, input_.size() - input_.size() / kLeastGainShare - 1);
    if (!output) return refused(output.error());
    return candidate(std::move(output).value());
}

// Half of the time left must do for the fastest level, or all work on the content would be in vain.
bool Recompression::is_in_vain() const {
    const Deadline deadline = context_.budget.deadline();
    const std::int64_t least = least_compress_ms(frame_.format, content_.size());
    return deadline.short_of_time(least >= deadline.remaining_ms() / 2);
}

Attempt Recompression::run() {
    if (is_in_vain()) return leave_alone(Outcome::kOverBudget, "no time to compress");
    Attempt renewed = with_new_content();
    // What must not change inside is not packed anew either: digests of the whole may be part of the seal.
    if (renewed.outcome == Outcome::kOptimized || renewed.outcome == Outcome::kUntouchable) return renewed;
    Attempt repacked = with_same_content();
    if (repacked.outcome == Outcome::kNotSmaller && renewed.outcome == Outcome::kOverBudget) return renewed;
    return repacked;
}

}  // namespace

Attempt optimize_compressed(ByteView input, Context& context) {
    const Format format = sniff(input);
    const auto frame = read_stream_frame(input, format);
    if (!frame) return leave_alone(zip_refusal(frame.error().code), frame.error().text);
    if (!context.budget.spend_entries(1)) return leave_alone(Outcome::kOverBudget, "too many entries");
    const auto content = expand_stream(input, *frame, context.budget);
    if (!content) return leave_alone(zip_refusal(content.error().code), content.error().text);
    return Recompression(input, *frame, *content, context).run();
}

}  // namespace optimilter
