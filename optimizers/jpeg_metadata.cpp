// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_metadata.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "optimizers/exif.hpp"
#include "optimizers/photoshop_resources.hpp"
#include "optimizers/xmp_gps.hpp"

namespace optimilter {

namespace {

using namespace jpeg_marker;
using namespace std::string_view_literals;

constexpr std::string_view kExif = "Exif\0\0"sv;
constexpr std::string_view kXmp = "http://ns.adobe.com/xap/1.0/\0"sv;
constexpr std::string_view kExtendedXmp = "http://ns.adobe.com/xmp/extension/\0"sv;
constexpr std::string_view kIcc = "ICC_PROFILE\0"sv;
constexpr std::string_view kJfif = "JFIF\0"sv;
constexpr std::string_view kJfxx = "JFXX\0"sv;
constexpr std::string_view kAdobe = "Adobe"sv;

bool is(const JpegSegmentBytes& segment, std::uint8_t marker, std::string_view signature) {
    return segment.marker == marker && starts_with(segment.payload, signature);
}

ByteView tiff_of(const JpegSegmentBytes& exif) {
    return ByteView(exif.payload).subspan(kExif.size());
}

Bytes with_signature(std::string_view signature, ByteView rest) {
    Bytes payload;
    payload.reserve(signature.size() + rest.size());
    append(payload, as_bytes(signature));
    append(payload, rest);
    return payload;
}

using Kept = std::optional<JpegSegmentBytes>;

// A structure that resists reading is kept, unless it could hide a position that has to go.
Kept kept_exif(JpegSegmentBytes segment, const ExifEdit& edit) {
    const ByteView tiff = tiff_of(segment);
    const Result<Bytes> rewritten = rewrite_exif(tiff, edit);
    if (rewritten) {
        const bool smaller = rewritten->size() <= tiff.size();
        const bool must = edit.drop_gps && exif_may_hold_gps(tiff);
        const bool fits = rewritten->size() + kExif.size() + 2 <= 0xFFFF;
        if (fits && (smaller || must)) segment.payload = with_signature(kExif, *rewritten);
        if (fits || !must) return segment;
    } else if (!edit.drop_gps) {
        return segment;
    }
    const std::optional<std::uint16_t> orientation = exif_orientation(tiff);
    if (!orientation) return std::nullopt;
    segment.payload = with_signature(kExif, exif_with_orientation(*orientation));
    return segment;
}

// The JFIF 1.02 thumbnail is part of the segment that also holds the density, which stays.
JpegSegmentBytes without_jfif_thumbnail(JpegSegmentBytes segment) {
    constexpr std::size_t kFixed = 14;
    Bytes& payload = segment.payload;
    if (payload.size() <= kFixed) return segment;
    if (payload.size() != kFixed + 3u * payload[12] * payload[13]) return segment;
    payload.resize(kFixed);
    payload[12] = payload[13] = 0;
    return segment;
}

Kept kept_segment(JpegSegmentBytes segment, const ExifEdit& edit) {
    if (is(segment, kApp0, kJfxx)) return std::nullopt;
    if (is(segment, kApp0, kJfif)) return without_jfif_thumbnail(std::move(segment));
    if (is(segment, kApp1, kExif)) return kept_exif(std::move(segment), edit);
    if (is(segment, kApp13, kPhotoshopSignature)) {
        segment.payload = without_photoshop_thumbnails(segment.payload);
        return segment;
    }
    if (edit.drop_gps && (is(segment, kApp1, kXmp) || is(segment, kApp1, kExtendedXmp))) {
        // An extension is one text cut in pieces, and sealed by a digest: it goes as a whole or stays.
        if (is(segment, kApp1, kExtendedXmp)) return std::nullopt;
        if (!blank_xmp_gps(segment.payload)) return std::nullopt;
    }
    return segment;
}

std::size_t count_of(const std::vector<JpegSegmentBytes>& segments, std::uint8_t marker,
                     std::string_view signature) {
    return static_cast<std::size_t>(std::count_if(segments.begin(), segments.end(), [&](const auto& segment) {
        return is(segment, marker, signature);
    }));
}

}  // namespace

std::vector<JpegSegmentBytes> jpeg_segments(ByteView input, const JpegMarkers& markers) {
    std::vector<JpegSegmentBytes> segments;
    segments.reserve(markers.segments.size());
    for (const JpegSegment& segment : markers.segments) {
        const ByteView payload = slice(input, segment.payload);
        segments.push_back({segment.marker, Bytes(payload.begin(), payload.end())});
    }
    return segments;
}

std::vector<JpegSegmentBytes> kept_jpeg_segments(ByteView input, const JpegMarkers& markers,
                                                 const Options& options, PictureSize size) {
    std::vector<JpegSegmentBytes> segments = jpeg_segments(input, markers);
    if (!options.lossy) return segments;
    const bool resized = size != PictureSize{markers.width, markers.height};
    const ExifEdit edit{!options.keep_gps, resized ? size.width : 0, resized ? size.height : 0};
    // More than one Exif segment: nobody can say which of them a reader believes.
    const bool one_exif = count_of(segments, kApp1, kExif) <= 1;
    std::vector<JpegSegmentBytes> kept;
    for (JpegSegmentBytes& segment : segments) {
        if (!one_exif && options.keep_gps && is(segment, kApp1, kExif)) {
            kept.push_back(std::move(segment));
        } else if (Kept result = kept_segment(std::move(segment), edit)) {
            kept.push_back(std::move(*result));
        }
    }
    return kept;
}

namespace {

// All segments of one kind, for comparing.
std::vector<JpegSegmentBytes> only(const std::vector<JpegSegmentBytes>& segments, std::uint8_t marker,
                                   std::string_view signature) {
    std::vector<JpegSegmentBytes> found;
    std::copy_if(segments.begin(), segments.end(), std::back_inserter(found),
                 [&](const auto& segment) { return is(segment, marker, signature); });
    return found;
}

std::optional<std::uint16_t> orientation_of(const std::vector<JpegSegmentBytes>& segments) {
    for (const JpegSegmentBytes& segment : segments) {
        if (is(segment, kApp1, kExif)) return exif_orientation(tiff_of(segment));
    }
    return std::nullopt;
}

std::string gps_left(const std::vector<JpegSegmentBytes>& segments) {
    for (const JpegSegmentBytes& segment : segments) {
        if (is(segment, kApp1, kExif) && exif_may_hold_gps(tiff_of(segment)))
            return "GPS position left in Exif";
        if (segment.marker == kApp1 && !is(segment, kApp1, kExif) && xmp_mentions_gps(segment.payload))
            return "GPS position left in XMP";
    }
    return {};
}

bool exif_kept(const std::vector<JpegSegmentBytes>& original, const std::vector<JpegSegmentBytes>& result) {
    const std::vector<JpegSegmentBytes> before = only(original, kApp1, kExif);
    const std::vector<JpegSegmentBytes> after = only(result, kApp1, kExif);
    return std::equal(before.begin(), before.end(), after.begin(), after.end(),
                      [](const auto& a, const auto& b) { return exif_tags_kept(tiff_of(a), tiff_of(b)); });
}

// Kinds of segments that a lossy result may rewrite or drop; all others are carried over byte for byte.
bool may_change(const JpegSegmentBytes& segment, bool keep_gps) {
    if (is(segment, kApp0, kJfif) || is(segment, kApp0, kJfxx) || is(segment, kApp1, kExif)) return true;
    if (is(segment, kApp13, kPhotoshopSignature)) return true;
    return !keep_gps && segment.marker == kApp1;
}

std::vector<JpegSegmentBytes> fixed_part(std::vector<JpegSegmentBytes> segments, bool keep_gps) {
    std::erase_if(segments, [&](const auto& segment) { return may_change(segment, keep_gps); });
    return segments;
}

}  // namespace

bool jpeg_is_turned(ByteView input, const JpegMarkers& markers) {
    constexpr std::uint16_t kFirstTurned = 5;  // to 8, TIFF 6.0
    return orientation_of(jpeg_segments(input, markers)).value_or(1) >= kFirstTurned;
}

bool jpeg_references_kept(const std::vector<JpegSegmentBytes>& original,
                          const std::vector<JpegSegmentBytes>& result) {
    const auto refers = [](const JpegSegmentBytes& segment) {
        return xmp_refers_to_pixels(segment.marker, segment.payload);
    };
    if (std::none_of(original.begin(), original.end(), refers)) return true;
    const std::string_view adobe = "http://ns.adobe.com/"sv;
    return count_of(original, kApp1, adobe) == count_of(result, kApp1, adobe) &&
           std::count_if(original.begin(), original.end(), refers) ==
               std::count_if(result.begin(), result.end(), refers);
}

std::string compare_jpeg_metadata(const std::vector<JpegSegmentBytes>& original,
                                  const std::vector<JpegSegmentBytes>& result, const Options& options) {
    if (!options.lossy) return original == result ? "" : "metadata differ";
    if (!jpeg_references_kept(original, result)) return "XMP that refers to the picture is lost";
    if (orientation_of(original) != orientation_of(result)) return "orientation differs";
    if (only(original, kApp2, kIcc) != only(result, kApp2, kIcc)) return "ICC profile differs";
    if (only(original, kApp14, kAdobe) != only(result, kApp14, kAdobe)) return "Adobe marker differs";
    if (count_of(original, kApp0, kJfif) != count_of(result, kApp0, kJfif)) return "JFIF marker lost";
    if (options.keep_gps && !exif_kept(original, result)) return "Exif tags differ";
    if (fixed_part(original, options.keep_gps) != fixed_part(result, options.keep_gps))
        return "metadata differ";
    return options.keep_gps ? std::string() : gps_left(result);
}

}  // namespace optimilter
