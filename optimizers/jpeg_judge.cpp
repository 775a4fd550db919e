// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_judge.hpp"

#include <algorithm>

#include "optimizers/jpeg_reference.hpp"
#include "optimizers/picture_kind.hpp"

namespace optimilter {

Result<std::shared_ptr<JpegJudge>> JpegJudge::make(JpegPixels shown, PictureSize seen, Deadline deadline) {
    auto judge = std::make_shared<JpegJudge>(std::move(shown));
    if (seen == PictureSize{judge->shown_.width, judge->shown_.height}) return judge;
    Result<JpegPixels> reduced = scale_pixels(judge->shown_, seen, deadline);
    if (!reduced) return reduced.error();
    judge->reduced_ = std::move(*reduced);
    return judge;
}

PictureSize JpegJudge::seen_size() const {
    return {seen().width, seen().height};
}

double JpegJudge::bound(const Options& options, double leeway) {
    if (!text_likeness_) text_likeness_ = text_likeness(view(), ScoreColors::kRgb);
    return lowest_score(options, *text_likeness_, leeway);
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
    if (!reduced_) {
        const Result<JpegShape> shape = decoder.start_pixels(colors);
        if (!shape) return shape.error();
        const auto rows = [&](std::uint8_t* to, std::uint32_t count) { return decoder.next_rows(to, count); };
        return score_of_rows(view(), rows, ScoreColors::kRgb, chroma);
    }
    const Result<JpegPixels> pixels = decoder.read_pixels(colors);
    if (!pixels) return pixels.error();
    const Result<JpegPixels> small = scale_pixels(*pixels, seen_size(), deadline);
    if (!small) return small.error();
    return picture_score(reduced_->samples, small->samples, small->width, small->height, small->channels,
                         ScoreColors::kRgb, chroma);
}

}  // namespace optimilter
