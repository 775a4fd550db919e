// SPDX-License-Identifier: Apache-2.0
//
// Measures JPEG files against the picture they are made from: each is decoded by libjpeg and scored, pixel by
// pixel, or both drawn at the size at which they are seen. A file once measured is known again by its digest,
// so that verification need not decode the one that the search ended with a second time; any other it
// measures like the first. One object, one picture; not thread safe.
//
// Security: decodes by the header's dimensions; the caller has spent as many pixels from the Budget.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/options.hpp"
#include "optimizers/picture_scale.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {

class JpegJudge {
  public:
    // shown: the picture as it shall be seen, gray or RGB.
    explicit JpegJudge(JpegPixels shown) : shown_(std::move(shown)) {}
    // seen: on both sides smaller than shown, or on both larger, or the same; neither side 0. What is seen
    // larger is also drawn with a pixel more each way, as its place on a page decides: the lower score
    // counts. kDeadline.
    static Result<std::shared_ptr<JpegJudge>> make(JpegPixels shown, PictureSize seen, Deadline deadline);

    const JpegPixels& shown() const { return shown_; }
    PictureSize seen_size() const;
    bool is_sound() const {
        return shown_.samples.size() == std::size_t{shown_.width} * shown_.height * shown_.channels;
    }

    // The score that files must reach, 0.0 .. 1.0; see lowest_score().
    double bound(const Options& options, double leeway = 0.0);

    // 0.0 .. 1.0. kUnsupported: another size or other channels than the picture has. kDeadline, kMalformed.
    Result<double> score(ByteView file, ScoreChroma chroma, Deadline deadline);

  private:
    bool is_enlarged() const { return seen().width > shown_.width; }
    const JpegPixels& seen() const { return drawn_.empty() ? shown_ : drawn_.front(); }
    Status draw(PictureSize seen, Deadline deadline);
    Result<double> score_of(JpegDecoder& decoder, ScoreChroma chroma, Deadline deadline) const;

    struct Measured {
        Digest file{};
        ScoreChroma chroma{};
        double score = 0;
    };

    JpegPixels shown_;
    std::vector<JpegPixels> drawn_;  // where it is seen smaller or larger
    std::optional<double> text_likeness_;
    std::vector<Measured> measured_;  // a few: one a trial
};

}  // namespace optimilter
