// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_judge.hpp"

#include <algorithm>

#include "optimizers/picture_kind.hpp"

namespace optimilter {

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
    const Result<JpegShape> shape =
        decoder.start_pixels(shown_.channels == 1 ? JpegColors::kGray : JpegColors::kRgb);
    if (!shape) return shape.error();
    const auto rows = [&](std::uint8_t* to, std::uint32_t count) { return decoder.next_rows(to, count); };
    const Result<double> score = score_of_rows(view(), rows, ScoreColors::kRgb, chroma);
    if (!score) return score;
    if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
    measured_.push_back({digest, chroma, *score});
    return score;
}

}  // namespace optimilter
