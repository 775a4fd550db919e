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
    const PictureSize own{judge->shown_.width, judge->shown_.height};
    if (seen == own) return judge;
    if (const Status drawn = judge->draw(seen, deadline); !drawn) return drawn.error();
    if (!judge->is_enlarged()) return judge;
    if (const Status drawn = judge->draw({seen.width + 1, seen.height + 1}, deadline); !drawn)
        return drawn.error();
    return judge;
}

Status JpegJudge::draw(PictureSize seen, Deadline deadline) {
    Result<JpegPixels> drawn = resized(shown_, seen, deadline);
    if (!drawn) return drawn.error();
    drawn_.push_back(std::move(*drawn));
    return Success{};
}

PictureSize JpegJudge::seen_size() const {
    return {seen().width, seen().height};
}

double JpegJudge::bound(const Options& options, double leeway) {
    // Smoothed edges look less like text.
    if (!text_likeness_)
        text_likeness_ = text_likeness(view_of(is_enlarged() ? shown_ : seen()), ScoreColors::kRgb);
    const double lowest = lowest_score(options, *text_likeness_, leeway);
    return is_enlarged() ? aim_on_pages(lowest) : lowest;
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
    if (drawn_.empty()) {
        const Result<JpegShape> shape = decoder.start_pixels(colors);
        if (!shape) return shape.error();
        const auto rows = [&](std::uint8_t* to, std::uint32_t count) { return decoder.next_rows(to, count); };
        return score_of_rows(view_of(shown_), rows, ScoreColors::kRgb, chroma);
    }
    const Result<JpegPixels> pixels = decoder.read_pixels(colors);
    if (!pixels) return pixels.error();
    // Chroma of half the size is seen at full size where it is enlarged.
    if (is_enlarged()) chroma = ScoreChroma::kFullSize;
    double lowest = 1;
    for (const JpegPixels& before : drawn_) {
        const Result<JpegPixels> after = resized(*pixels, {before.width, before.height}, deadline);
        if (!after) return after.error();
        lowest = std::min(lowest, picture_score(before.samples, after->samples, before.width, before.height,
                                                before.channels, ScoreColors::kRgb, chroma));
    }
    return lowest;
}

}  // namespace optimilter
