// SPDX-License-Identifier: Apache-2.0
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_lossy.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/jpeg_transcode.hpp"
#include "optimizers/picture_kind.hpp"

namespace optimilter {

namespace {

// The search measures in YCbCr, this check in RGB as viewers show it; rounding and clipping to RGB move the
// score by less than this.
constexpr double kScoreTolerance = 0.002;

std::string compare_coefficients(ByteView input, const Attempt& attempt, Deadline deadline) {
    const Result<Digest> want =
        attempt.decoded_input ? Result<Digest>(*attempt.decoded_input) : digest_jpeg(input, deadline);
    if (!want) return want.error().text;
    const Result<Digest> got = digest_jpeg(attempt.output, deadline);
    if (!got) return got.error().text;
    return *want == *got ? std::string() : "coefficients differ";
}

std::string compare_shape(const JpegMarkers& before, const JpegMarkers& after, PictureSize target) {
    if (PictureSize{after.width, after.height} != target) return "result has a wrong size";
    if (after.components.size() != before.components.size()) return "result has other components";
    return {};
}

std::string compare_pictures(ByteView input, const JpegMarkers& before, ByteView output,
                             const JpegMarkers& after, PictureSize target, const Context& context) {
    const Deadline deadline = context.budget.deadline();
    const JpegColors colors = before.components.size() == 1 ? JpegColors::kGray : JpegColors::kRgb;
    const Result<JpegPixels> want = jpeg_reference(input, target, colors, deadline);
    if (!want) return want.error().text;
    JpegDecoder decoder(output, deadline);
    if (Status status = decoder.read_header(); !status) return status.error().text;
    const Result<JpegPixels> got = decoder.read_pixels(colors);
    if (!got) return got.error().text;
    const double score = picture_score(want->samples, got->samples, target.width, target.height,
                                       want->channels, ScoreColors::kRgb, jpeg_score_chroma(before, after));
    const double bound =
        lowest_score(context.options, {want->samples.data(), want->width, want->height, want->channels},
                     ScoreColors::kRgb, kSecondLookLeeway);
    return score >= bound - kScoreTolerance ? std::string() : "score below the bound";
}

}  // namespace

std::string verify_jpeg(ByteView input, const Attempt& attempt, Context& context) {
    const ByteView output = attempt.output;
    const Result<JpegMarkers> before = parse_jpeg_markers(input);
    const Result<JpegMarkers> after = parse_jpeg_markers(output);
    if (!before || !after) return "result has no sound marker structure";
    if (JpegRefusal refusal = refuse_jpeg(output, *after)) return refusal.reason;
    if (std::string why = compare_jpeg_metadata(jpeg_segments(input, *before), jpeg_segments(output, *after),
                                                context.options);
        !why.empty())
        return why;
    if (!attempt.score) return compare_coefficients(input, attempt, context.budget.deadline());
    if (!context.options.lossy) return "loss in a lossless profile";
    const PictureSize target = jpeg_target_size(*before, context, jpeg_is_turned(input, *before),
                                                jpeg_pixels_are_referenced(input, *before));
    if (std::string why = compare_shape(*before, *after, target); !why.empty()) return why;
    return compare_pictures(input, *before, output, *after, target, context);
}

}  // namespace optimilter
