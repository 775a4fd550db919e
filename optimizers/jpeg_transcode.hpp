// SPDX-License-Identifier: Apache-2.0
//
// Lossless coding of a JPEG file anew: the same coefficients, smaller codes. The answer depends on
// coefficients, segments and the choice alone, not on how the input was coded, so a second pass finds nothing
// to gain. Thread safe: pure functions.
#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/jpeg_file_writer.hpp"
#include "optimizers/jpeg_scans.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

struct JpegCodingChoice {
    // false: sequential, whatever it takes.
    bool progressive = true;
    JpegScanSearch scan_search = JpegScanSearch::kSampled;

    // A bare bool says whether progressive is allowed.
    JpegCodingChoice(bool may_be_progressive, JpegScanSearch search = JpegScanSearch::kSampled)
        : progressive(may_be_progressive), scan_search(search) {}
};

struct JpegTranscoded {
    Bytes file;
    Digest decoded_input{};  // see digest_jpeg(), taken before anything was written
};

// The smallest of our codings of input, with segments instead of its own. limit_bytes: kRefused when it
// would be larger.
Result<JpegTranscoded> transcode_jpeg(ByteView input, const std::vector<JpegSegmentBytes>& segments,
                                      JpegCodingChoice choice, std::size_t limit_bytes, Deadline deadline);

// The same for coefficients that no file holds yet.
Result<Bytes> code_jpeg(const JpegCoefficients& picture, const std::vector<JpegSegmentBytes>& segments,
                        JpegCodingChoice choice, std::size_t limit_bytes, Deadline deadline);

// One number for the JpegSummary of a whole file: equal digests, equal pixels.
Result<Digest> digest_jpeg(ByteView input, Deadline deadline);

// What an error of the JPEG codec means for the file.
Outcome jpeg_outcome(ErrorCode code);

}  // namespace optimilter
