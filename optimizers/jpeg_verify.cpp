// SPDX-License-Identifier: Apache-2.0
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_lossy.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/jpeg_transcode.hpp"
#include "optimizers/picture_kind.hpp"

namespace optimilter {

namespace {

// Where this check decodes the input afresh it gets RGB from libjpeg, and the search got it by way of YCbCr:
// rounding moves the score by less than this.
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

// Who measures the result: as the attempt brought it along, or made from the input's bytes.
struct Measure {
    std::shared_ptr<JpegJudge> judge;
    double tolerance = 0;
};

Result<Measure> measure_of(ByteView input, std::uint32_t channels, const Attempt& attempt, PictureSize target,
                           PictureSize seen, Deadline deadline) {
    if (attempt.jpeg_judge != nullptr) return Measure{attempt.jpeg_judge, 0};
    const JpegColors colors = channels == 1 ? JpegColors::kGray : JpegColors::kRgb;
    Result<JpegPixels> pixels = jpeg_reference(input, target, colors, deadline);
    if (!pixels) return pixels.error();
    auto judge = JpegJudge::make(std::move(*pixels), seen, deadline);
    if (!judge) return judge.error();
    return Measure{std::move(*judge), kScoreTolerance};
}

std::string compare_pictures(ByteView input, const JpegMarkers& before, const Attempt& attempt,
                             const JpegMarkers& after, PictureSize target, PictureSize seen,
                             const Context& context) {
    const Deadline deadline = context.budget.deadline();
    const auto channels = static_cast<std::uint32_t>(before.components.size());
    const Result<Measure> measure = measure_of(input, channels, attempt, target, seen, deadline);
    if (!measure) return measure.error().text;
    JpegJudge& judge = *measure->judge;
    const JpegPixels& shown = judge.shown();
    if (!judge.is_sound() || PictureSize{shown.width, shown.height} != target || judge.seen_size() != seen ||
        shown.channels != channels)
        return "samples of another size";
    const Result<double> score = judge.score(attempt.output, jpeg_score_chroma(before, after), deadline);
    if (!score) return score.error().text;
    const double bound = judge.bound(context.options, kSecondLookLeeway) - measure->tolerance;
    return *score >= bound ? std::string() : "score below the bound";
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
    const bool turned = jpeg_is_turned(input, *before);
    const PictureSize target =
        jpeg_target_size(*before, context, turned, jpeg_pixels_are_referenced(input, *before));
    if (std::string why = compare_shape(*before, *after, target); !why.empty()) return why;
    return compare_pictures(input, *before, attempt, *after, target, jpeg_seen_size(target, context, turned),
                            context);
}

}  // namespace optimilter
