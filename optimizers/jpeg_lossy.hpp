// SPDX-License-Identifier: Apache-2.0
//
// The search for the lowest libjpeg quality, within the options, whose measured score still reaches the
// bound: a model of score and quality, begun on a sample of a large picture, and at most three encodes of the
// whole. Thread safe: pure functions.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/jpeg_judge.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_reference.hpp"
#include "optimizers/jpeg_transcode.hpp"
#include "optimizers/options.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {

// What a re-encoding shall be.
struct JpegOrder {
    PictureSize target;
    PictureSize seen;  // the size at which it is scored, see JpegJudge::make()
    std::vector<JpegSegmentBytes> segments;
    JpegCodingChoice coding;
    std::size_t limit_bytes = 0;
};

struct JpegReencoded {
    Bytes file;
    double score = 0;
    std::shared_ptr<JpegJudge> judge;  // that measured it, against the input at target size
};

// true when the options ask for another picture: loss allowed, and the source better than the upper quality
// or larger than target.
bool jpeg_wants_reencoding(const JpegMarkers& markers, const Options& options, PictureSize target);

// The best re-encoding of input. kUnsupported: colours we only carry over (RGB files), or no quality reaches
// the bound. kRefused: it is larger than the limit. kDeadline, kMalformed as the decoder says.
Result<JpegReencoded> reencode_jpeg(ByteView input, const JpegMarkers& markers, const JpegOrder& order,
                                    const Options& options, Deadline deadline);

// How many times finer luma is than chroma, across and down.
std::pair<unsigned, unsigned> luma_to_chroma(const JpegMarkers& markers);

// Chroma is compared at full size where the result keeps less of it than the source had, else at half size.
ScoreChroma jpeg_score_chroma(const JpegMarkers& source, const JpegMarkers& result);

}  // namespace optimilter
