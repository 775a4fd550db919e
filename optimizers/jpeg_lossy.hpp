// SPDX-License-Identifier: Apache-2.0
//
// The search for the lowest libjpeg quality, within the options, whose measured score still reaches the
// bound: a model of score and quality, begun on a sample of a large picture, and at most three encodes of the
// whole. Thread safe: pure functions.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_reference.hpp"
#include "optimizers/options.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {

struct JpegReencoded {
    JpegEncoded encoded;  // to be coded
    double score = 0;
    int quality = 0;
    Bytes reference;  // the samples that the score is measured against, gray or RGB, at target size
};

// true when the options ask for another picture: loss allowed, and the source better than the upper quality
// or larger than target.
bool jpeg_wants_reencoding(const JpegMarkers& markers, const Options& options, PictureSize target);

// The best re-encoding of input at target size. kUnsupported: colours we only carry over (RGB files), or no
// quality reaches the bound. kDeadline, kMalformed as the decoder says.
Result<JpegReencoded> reencode_jpeg(ByteView input, const JpegMarkers& markers, PictureSize target,
                                    const Options& options, Deadline deadline);

// Chroma is compared at full size where the result keeps less of it than the source had, else at half size.
ScoreChroma jpeg_score_chroma(const JpegMarkers& source, const JpegMarkers& result);

}  // namespace optimilter
