// SPDX-License-Identifier: Apache-2.0
//
// The markers and metadata of a JPEG file, no decoder. Promises: segments and the end of the image lie in the
// file, in order; what a result may carry passes the comparison that guards results; asked to drop positions,
// none is found afterwards.
#include <algorithm>

#include "fuzz/fuzz_target.hpp"
#include "optimizers/exif.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"

namespace optimilter::fuzz {

namespace {

void check_markers(ByteView file, const JpegMarkers& markers) {
    std::size_t at = 0;
    for (const JpegSegment& segment : markers.segments) {
        promise(segment.payload.begin >= at + 4 && segment.payload.begin <= segment.payload.end,
                "segments follow each other");
        at = segment.payload.end;
    }
    promise(at <= markers.end_of_image && markers.end_of_image <= file.size(),
            "the image ends within the file");
    promise(markers.segments.size() <= kMaxJpegSegments && markers.scans <= kMaxJpegScans,
            "what is counted is bounded");
    promise(markers.width > 0 && markers.height > 0 && markers.scans > 0, "a picture has pixels");
    promise(markers.scans_of_component.size() == markers.components.size(),
            "scans are counted for each component");
    const int quality = estimate_jpeg_quality(markers);
    promise(quality >= 1 && quality <= 100, "a quality is one of libjpeg's");
}

void check_kept(ByteView file, const JpegMarkers& markers, Options options, PictureSize size) {
    const auto before = jpeg_segments(file, markers);
    const auto kept = kept_jpeg_segments(file, markers, options, size);
    promise(kept.size() <= before.size(), "no segment is added");
    for (const JpegSegmentBytes& segment : kept)
        promise(segment.payload.size() <= 0xFFFF - 2, "a segment fits its length");
    const std::string why = compare_jpeg_metadata(before, kept, options);
    // What only looks like XMP may hold a position that nobody takes out; then the comparison says no. And
    // so it does, after the optimizer itself, where a panorama would lose its XMP.
    const bool position = !options.keep_gps && why.starts_with("GPS position left in XMP");
    promise(why.empty() || position || !jpeg_references_kept(before, kept),
            "what is kept passes the comparison", why);
}

void run(ByteView file) {
    const auto markers = parse_jpeg_markers(file);
    if (!markers) return;
    check_markers(file, *markers);
    const JpegRefusal refusal = refuse_jpeg(file, *markers);
    promise(!refusal || !refusal.reason.empty(), "a refusal has a reason");
    jpeg_pixels_are_referenced(file, *markers);
    const PictureSize size{markers->width, markers->height};
    Options options;
    promise(kept_jpeg_segments(file, *markers, options, size) == jpeg_segments(file, *markers),
            "without loss all segments stay");
    if (refusal) return;
    options.lossy = true;
    check_kept(file, *markers, options, size);
    check_kept(file, *markers, options, {size.width / 2 + 1, size.height / 2 + 1});
    options.keep_gps = false;
    check_kept(file, *markers, options, size);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
