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

Result<JpegPixels> decoded(ByteView file, JpegColors colors, Deadline deadline) {
    JpegDecoder decoder(file, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    return decoder.read_pixels(colors);
}

// What the result must look like: as the attempt brought it along, or from the input's bytes.
struct Wanted {
    JpegColors colors = JpegColors::kGray;
    double tolerance = 0;
    JpegPixels pixels;  // without samples where the attempt has them
    ByteView samples;
};

Result<Wanted> wanted_picture(ByteView input, const JpegMarkers& before, const Attempt& attempt,
                              PictureSize target, Deadline deadline) {
    const auto channels = static_cast<std::uint32_t>(before.components.size());
    Wanted wanted;
    if (channels != 1) wanted.colors = JpegColors::kRgb;
    if (attempt.decoded_picture != nullptr) {
        wanted.pixels = {target.width, target.height, channels, {}};
        wanted.samples = *attempt.decoded_picture;
        return wanted;
    }
    wanted.tolerance = kScoreTolerance;
    Result<JpegPixels> pixels = jpeg_reference(input, target, wanted.colors, deadline);
    if (!pixels) return pixels.error();
    wanted.pixels = std::move(*pixels);
    wanted.samples = wanted.pixels.samples;
    return wanted;
}

std::string compare_pictures(ByteView input, const JpegMarkers& before, const Attempt& attempt,
                             const JpegMarkers& after, PictureSize target, const Context& context) {
    const Deadline deadline = context.budget.deadline();
    const Result<Wanted> want = wanted_picture(input, before, attempt, target, deadline);
    if (!want) return want.error().text;
    const Result<JpegPixels> got = decoded(attempt.output, want->colors, deadline);
    if (!got) return got.error().text;
    const std::uint32_t channels = want->pixels.channels;
    const std::size_t size_bytes = std::size_t{target.width} * target.height * channels;
    if (want->samples.size() != size_bytes || got->samples.size() != size_bytes)
        return "samples of another size";
    const double score = picture_score(want->samples, got->samples, target.width, target.height, channels,
                                       ScoreColors::kRgb, jpeg_score_chroma(before, after));
    const double bound =
        lowest_score(context.options, {want->samples.data(), target.width, target.height, channels},
                     ScoreColors::kRgb, kSecondLookLeeway);
    return score >= bound - want->tolerance ? std::string() : "score below the bound";
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
    return compare_pictures(input, *before, attempt, *after, target, context);
}

}  // namespace optimilter
