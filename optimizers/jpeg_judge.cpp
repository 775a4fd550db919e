// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_judge.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/jpeg_reference.hpp"
#include "optimizers/picture_enlarge.hpp"
#include "optimizers/picture_kind.hpp"
#include "optimizers/score_scale.hpp"

namespace optimilter {

namespace {

Result<JpegPixels> resized(const JpegPixels& pixels, PictureSize seen, Deadline deadline) {
    if (seen.width < pixels.width || seen.height < pixels.height) return scale_pixels(pixels, seen, deadline);
    Result<Bytes> samples =
        enlarge_samples(pixels.samples, {pixels.width, pixels.height}, pixels.channels, seen, deadline);
    if (!samples) return samples.error();
    return JpegPixels{seen.width, seen.height, pixels.channels, std::move(*samples)};
}

PictureView view_of(const JpegPixels& pixels) {
    return {pixels.samples.data(), pixels.width, pixels.height, pixels.channels};
}

}  // namespace

Result<std::shared_ptr<JpegJudge>> JpegJudge::make(JpegPixels shown, PictureSize seen, Deadline deadline) {
    auto judge = std::make_shared<JpegJudge>(std::move(shown));
    if (seen == PictureSize{judge->shown_.width, judge->shown_.height}) return judge;
    Result<JpegPixels> drawn = resized(judge->shown_, seen, deadline);
    if (!drawn) return drawn.error();
    judge->resized_ = std::move(*drawn);
    return judge;
}

PictureSize JpegJudge::seen_size() const {
    return {seen().width, seen().height};
}

double JpegJudge::bound(const Options& options, double leeway) {
    // Smoothed edges look less like text.
    if (!text_likeness_)
        text_likeness_ = text_likeness(view_of(is_enlarged() ? shown_ : seen()), ScoreColors::kRgb);
    const double lowest = lowest_score(options, *text_likeness_, leeway);
    // A little better, as viewers round in their own ways.
    constexpr double kOfTheDistance = 0.97;
    return is_enlarged() ? score_of_distance(kOfTheDistance * distance_of_score(lowest)) : lowest;
}

Result<double> JpegJudge::score(ByteView file, ScoreChroma chroma, Deadline deadline) {
    const Digest digest = sha256(file);
    const auto known = std::find_if(measured_.begin(), measured_.end(), [&](const Measured& measured) {
        return measured.file == digest && measured.chroma == chroma;
    });
    if (known != measured_.end()) return known->score;
    JpegDecoder decoder(file, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    const jpeg_decompress_struct& header = decoder.state();
    if (header.image_width != shown_.width || header.image_height != shown_.height ||
        static_cast<std::uint32_t>(header.num_components) != shown_.channels)
        return Error{ErrorCode::kUnsupported, "picture of another shape"};
    const Result<double> score = score_of(decoder, chroma, deadline);
    if (!score) return score;
    if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
    measured_.push_back({digest, chroma, *score});
    return score;
}

Result<double> JpegJudge::score_of(JpegDecoder& decoder, ScoreChroma chroma, Deadline deadline) const {
    const JpegColors colors = shown_.channels == 1 ? JpegColors::kGray : JpegColors::kRgb;
    if (!resized_) {
        const Result<JpegShape> shape = decoder.start_pixels(colors);
        if (!shape) return shape.error();
        const auto rows = [&](std::uint8_t* to, std::uint32_t count) { return decoder.next_rows(to, count); };
        return score_of_rows(view_of(shown_), rows, ScoreColors::kRgb, chroma);
    }
    const Result<JpegPixels> pixels = decoder.read_pixels(colors);
    if (!pixels) return pixels.error();
    const Result<JpegPixels> drawn = resized(*pixels, seen_size(), deadline);
    if (!drawn) return drawn.error();
    // Chroma of half the size is seen at full size there.
    return picture_score(resized_->samples, drawn->samples, drawn->width, drawn->height, drawn->channels,
                         ScoreColors::kRgb, is_enlarged() ? ScoreChroma::kFullSize : chroma);
}

}  // namespace optimilter
