// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_transcode.hpp"

#include <utility>

namespace optimilter {

namespace {

// The headers of thirteen scans weigh more than they gain in small pictures; only there is the second coding
// worth its CPU. Measured against our own output and not the input, to stay the same in a second pass.
constexpr std::size_t kBaselineWorthTrying = 32 * 1024;

}  // namespace

Result<Bytes> transcode_jpeg(ByteView input, const std::vector<JpegSegmentBytes>& segments, bool progressive,
                             std::size_t limit_bytes, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    if (Status status = decoder.read_coefficients(); !status) return status.error();
    if (!progressive) return JpegEncoder(limit_bytes, deadline).transcode(decoder, segments, false);

    std::size_t metadata_bytes = 0;
    for (const JpegSegmentBytes& segment : segments) metadata_bytes += segment.payload.size() + 4;
    Result<Bytes> smallest = JpegEncoder(limit_bytes, deadline).transcode(decoder, segments, true);
    if (!smallest && smallest.error().code != ErrorCode::kRefused) return smallest;
    const std::size_t found_bytes = smallest ? smallest->size() : limit_bytes;
    if (found_bytes >= metadata_bytes + kBaselineWorthTrying) return smallest;
    Result<Bytes> sequential = JpegEncoder(found_bytes, deadline).transcode(decoder, segments, false);
    if (!sequential) return smallest;
    return sequential->size() < found_bytes ? std::move(sequential) : std::move(smallest);
}

Result<JpegSummary> summarize_jpeg(ByteView input, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    if (Status status = decoder.read_coefficients(); !status) return status.error();
    return decoder.summary();
}

Outcome jpeg_outcome(ErrorCode code) {
    switch (code) {
        case ErrorCode::kMalformed:
            return Outcome::kMalformed;
        case ErrorCode::kUnsupported:
            return Outcome::kNotApplicable;
        case ErrorCode::kRefused:
            return Outcome::kNotSmaller;
        case ErrorCode::kLimit:
        case ErrorCode::kDeadline:
            return Outcome::kOverBudget;
        default:
            return Outcome::kNotApplicable;
    }
}

}  // namespace optimilter
