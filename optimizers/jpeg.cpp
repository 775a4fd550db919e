// SPDX-License-Identifier: Apache-2.0
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/jpeg_transcode.hpp"

namespace optimilter {

namespace {

Attempt left_alone_for(const Error& error) {
    return leave_alone(jpeg_outcome(error.code), error.text);
}

// A progressive file is decoded once a scan; sixteen are what ordinary files have.
std::uint64_t pixel_cost(const JpegMarkers& markers) {
    return markers.pixels() * (1 + markers.scans / 16);
}

}  // namespace

Attempt optimize_jpeg(ByteView input, Context& context) {
    const Result<JpegMarkers> markers = parse_jpeg_markers(input);
    if (!markers) return left_alone_for(markers.error());
    if (JpegRefusal refusal = refuse_jpeg(input, *markers); refusal)
        return leave_alone(refusal.outcome, refusal.reason);
    if (!context.budget.spend_pixels(pixel_cost(*markers)))
        return leave_alone(Outcome::kOverBudget, "too many pixels");
    Result<Bytes> coded =
        transcode_jpeg(input, kept_jpeg_segments(input, *markers, context.options),
                       context.options.jpeg_progressive, input.size() - 1, context.budget.deadline());
    if (!coded) return left_alone_for(coded.error());
    return {Outcome::kOptimized, {}, std::move(*coded), {}, {}};
}

std::string verify_jpeg(ByteView input, const Attempt& attempt, Context& context) {
    const Result<JpegMarkers> before = parse_jpeg_markers(input);
    const Result<JpegMarkers> after = parse_jpeg_markers(attempt.output);
    if (!before || !after) return "result has no sound marker structure";
    if (after->end_of_image != attempt.output.size()) return "result has data after its end";
    if (jpeg_segments(input, *before) != jpeg_segments(attempt.output, *after)) return "metadata differ";
    const Result<JpegSummary> want = summarize_jpeg(input, context.budget.deadline());
    if (!want) return want.error().text;
    const Result<JpegSummary> got = summarize_jpeg(attempt.output, context.budget.deadline());
    if (!got) return got.error().text;
    return *want == *got ? std::string() : "coefficients differ";
}

}  // namespace optimilter
