// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_metadata.hpp"

namespace optimilter {

std::vector<JpegSegmentBytes> jpeg_segments(ByteView input, const JpegMarkers& markers) {
    std::vector<JpegSegmentBytes> segments;
    segments.reserve(markers.segments.size());
    for (const JpegSegment& segment : markers.segments) {
        const ByteView payload = slice(input, segment.payload);
        segments.push_back({segment.marker, Bytes(payload.begin(), payload.end())});
    }
    return segments;
}

std::vector<JpegSegmentBytes> kept_jpeg_segments(ByteView input, const JpegMarkers& markers, const Options&) {
    return jpeg_segments(input, markers);
}

}  // namespace optimilter
