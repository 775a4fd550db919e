// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_transcode.hpp"

#include <utility>

#include "optimizers/jpeg_coding.hpp"

namespace optimilter {

namespace {

// The headers of many scans weigh more than they gain in small pictures; only there is the second coding
// worth its CPU. Measured against our own output and not the input, to stay the same in a second pass.
constexpr std::size_t kBaselineWorthTrying = 32 * 1024;

template <typename T>
void put(Bytes& out, T value) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
    out.insert(out.end(), bytes, bytes + sizeof value);
}

Digest digest_of(const JpegSummary& summary) {
    Bytes bytes;
    put(bytes, summary.width);
    put(bytes, summary.height);
    put(bytes, summary.color_space);
    for (const JpegSummary::Component& component : summary.components) {
        put(bytes, component.id);
        put(bytes, component.horizontal);
        put(bytes, component.vertical);
        put(bytes, component.quant);
        put(bytes, component.digest);
    }
    return sha256(bytes);
}

Result<Digest> read_and_digest(JpegDecoder& decoder) {
    if (Status status = decoder.read_header(); !status) return status.error();
    if (Status status = decoder.read_coefficients(); !status) return status.error();
    const Result<JpegSummary> summary = decoder.summary();
    if (!summary) return summary.error();
    return digest_of(*summary);
}

std::size_t bytes_of(const std::vector<JpegSegmentBytes>& segments) {
    std::size_t bytes = 0;
    for (const JpegSegmentBytes& segment : segments) bytes += segment.payload.size() + 4;
    return bytes;
}

}  // namespace

Result<Bytes> code_jpeg(const JpegCoefficients& picture, const std::vector<JpegSegmentBytes>& segments,
                        JpegCodingChoice choice, std::size_t limit_bytes, Deadline deadline) {
    if (!choice.progressive)
        return code_jpeg_sequential(picture, segments, JpegTables::kBest, limit_bytes, deadline);
    Result<Bytes> smallest =
        code_jpeg_progressive(picture, segments, choice.scan_search, limit_bytes, deadline);
    if (!smallest && smallest.error().code != ErrorCode::kRefused) return smallest;
    const std::size_t found_bytes = smallest ? smallest->size() : limit_bytes + 1;
    if (found_bytes >= bytes_of(segments) + kBaselineWorthTrying) return smallest;
    Result<Bytes> sequential =
        code_jpeg_sequential(picture, segments, JpegTables::kBest, found_bytes - 1, deadline);
    return sequential ? std::move(sequential) : std::move(smallest);
}

Result<JpegTranscoded> transcode_jpeg(ByteView input, const std::vector<JpegSegmentBytes>& segments,
                                      JpegCodingChoice choice, std::size_t limit_bytes, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    const Result<Digest> digest = read_and_digest(decoder);
    if (!digest) return digest.error();
    const Result<JpegCoefficients> picture = decoder.coefficients();
    if (!picture) return picture.error();
    Result<Bytes> file = code_jpeg(*picture, segments, choice, limit_bytes, deadline);
    if (!file) return file.error();
    return JpegTranscoded{std::move(*file), *digest};
}

Result<Digest> digest_jpeg(ByteView input, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    return read_and_digest(decoder);
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
