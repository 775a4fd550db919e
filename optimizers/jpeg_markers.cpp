// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_markers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace optimilter {

namespace {

using namespace jpeg_marker;

// T.81 figure A.6: zigzag position -> natural position.
constexpr std::array<std::uint8_t, 64> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// The walk over the markers. Each step returns an error text in error_ and false when the file is broken.
class MarkerWalk {
  public:
    explicit MarkerWalk(ByteView input) : input_(input) {}

    Result<JpegMarkers> run() {
        if (!starts_with(input_, "\xFF\xD8")) return Error{ErrorCode::kMalformed, "no SOI marker"};
        offset_ = 2;
        while (markers_.end_of_image == 0) {
            if (!step()) return Error{code_, text_};
        }
        if (!complete()) return Error{code_, text_};
        return std::move(markers_);
    }

  private:
    bool broken(std::string text) { return stop(ErrorCode::kMalformed, std::move(text)); }
    bool stop(ErrorCode code, std::string text) {
        code_ = code;
        text_ = std::move(text);
        return false;
    }

    // Reads 0xFF, any fill bytes (B.1.1.2) and the marker code.
    bool next_marker(std::uint8_t& marker) {
        if (offset_ >= input_.size()) return broken("ends before EOI");
        if (input_[offset_] != 0xFF) return broken("bytes between marker segments");
        while (offset_ < input_.size() && input_[offset_] == 0xFF) ++offset_;
        if (offset_ >= input_.size()) return broken("ends before EOI");
        marker = input_[offset_++];
        return true;
    }

    bool step() {
        std::uint8_t marker = 0;
        if (!next_marker(marker)) return false;
        if (marker == kEoi) {
            markers_.end_of_image = offset_;
            return true;
        }
        // Markers without a length (TEM, RSTn, a second SOI) have no business outside of scans.
        if (marker <= 0x01 || (marker >= 0xD0 && marker <= kSoi)) return broken("stray marker");
        if (input_.size() - offset_ < 2) return broken("ends inside a segment length");
        const std::size_t length = read_be16(&input_[offset_]);
        if (length < 2 || length > input_.size() - offset_) return broken("segment longer than the file");
        const ByteRange payload{offset_ + 2, offset_ + length};
        offset_ = payload.end;
        return segment(marker, payload);
    }

    bool segment(std::uint8_t marker, ByteRange payload) {
        if ((marker >= kApp0 && marker <= kApp15) || marker == kCom) return application(marker, payload);
        switch (marker) {
            case kDqt:
                return quant_tables(slice(input_, payload));
            case kDht:
                return true;  // libjpeg checks them
            case kDac:
                markers_.arithmetic = true;
                return true;
            case kDri:
                return restart_interval(slice(input_, payload));
            case kSos:
                return scan(slice(input_, payload));
            case kDnl:
                return stop(ErrorCode::kUnsupported, "height given by a DNL segment");
            case kDhp:
            case kExp:
                return stop(ErrorCode::kUnsupported, "hierarchical JPEG");
            default:
                if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC8) return frame(marker, payload);
                return stop(ErrorCode::kUnsupported, fmt::format("marker 0x{:02X}", marker));
        }
    }

    bool application(std::uint8_t marker, ByteRange payload) {
        if (markers_.segments.size() >= kMaxJpegSegments) return stop(ErrorCode::kLimit, "too many segments");
        if (markers_.scans > 0) markers_.segments_after_first_scan = true;
        markers_.segments.push_back({marker, payload});
        return true;
    }

    bool quant_tables(ByteView payload) {
        if (markers_.scans > 0) markers_.tables_after_first_scan = true;
        while (!payload.empty()) {
            const unsigned width = (payload[0] >> 4) + 1u;  // bytes an element
            const unsigned slot = payload[0] & 15u;
            if (width > 2 || slot > 3) return broken("DQT names no table");
            if (payload.size() < 1 + 64 * width) return broken("DQT too short");
            for (std::size_t i = 0; i < 64; ++i) {
                const std::uint8_t* p = &payload[1 + i * width];
                const std::uint16_t value = width == 2 ? read_be16(p) : *p;
                if (value == 0) return broken("zero in a DQT");
                markers_.quant_tables[slot][kZigzag[i]] = value;
            }
            markers_.quant_table_defined[slot] = true;
            payload = payload.subspan(1 + 64 * width);
        }
        return true;
    }

    bool restart_interval(ByteView payload) {
        if (payload.size() != 2) return broken("DRI of wrong length");
        markers_.restart_interval = read_be16(payload.data());
        return true;
    }

    bool frame(std::uint8_t marker, ByteRange range) {
        const ByteView payload = slice(input_, range);
        if (markers_.sof != 0) return broken("more than one SOF");
        if (payload.size() < 6 || payload.size() != 6 + 3u * payload[5]) return broken("SOF of wrong length");
        markers_.sof = marker;
        markers_.precision = payload[0];
        markers_.height = read_be16(&payload[1]);
        markers_.width = read_be16(&payload[3]);
        for (std::size_t i = 6; i < payload.size(); i += 3) {
            markers_.components.push_back({payload[i], static_cast<std::uint8_t>(payload[i + 1] >> 4),
                                           static_cast<std::uint8_t>(payload[i + 1] & 15), payload[i + 2]});
        }
        markers_.scans_of_component.assign(markers_.components.size(), 0);
        return frame_is_sound();
    }

    bool frame_is_sound() {
        if (markers_.width == 0 || markers_.height == 0) return broken("picture without pixels");
        if (markers_.components.empty()) return broken("SOF without components");
        for (const JpegComponent& c : markers_.components) {
            if (c.horizontal < 1 || c.horizontal > 4 || c.vertical < 1 || c.vertical > 4)
                return broken("sampling factor out of range");
            if (c.quant_table > 3) return broken("component names no quantisation table");
        }
        return true;
    }

    bool scan(ByteView header) {
        if (markers_.sof == 0) return broken("SOS before SOF");
        if (header.empty() || header.size() != 4 + 2u * header[0]) return broken("SOS of wrong length");
        if (++markers_.scans > kMaxJpegScans) return stop(ErrorCode::kLimit, "too many scans");
        for (std::size_t i = 0; i < header[0]; ++i) {
            if (!count_scan_of(header[1 + 2 * i])) return broken("scan of an unknown component");
        }
        skip_entropy_coded();
        return true;
    }

    bool count_scan_of(std::uint8_t id) {
        for (std::size_t i = 0; i < markers_.components.size(); ++i) {
            if (markers_.components[i].id != id) continue;
            ++markers_.scans_of_component[i];  // at most kMaxJpegScans = 200
            return true;
        }
        return false;
    }

    // To the next marker that is neither a stuffed zero (B.1.1.5) nor RSTn; fill bytes belong to that marker.
    void skip_entropy_coded() {
        while (offset_ < input_.size()) {
            const void* hit = std::memchr(&input_[offset_], 0xFF, input_.size() - offset_);
            if (hit == nullptr) break;
            offset_ = static_cast<std::size_t>(static_cast<const std::uint8_t*>(hit) - input_.data());
            if (input_.size() - offset_ < 2) break;
            const std::uint8_t code = input_[offset_ + 1];
            if (code != 0 && !(code >= 0xD0 && code <= 0xD7)) return;
            offset_ += 2;
        }
        offset_ = input_.size();
    }

    bool complete() {
        if (markers_.sof == 0 || markers_.scans == 0) return broken("no picture before EOI");
        for (const std::uint8_t count : markers_.scans_of_component) {
            if (count == 0) return broken("component without a scan");
            if (count > 1 && !markers_.progressive()) return broken("component in more than one scan");
        }
        return true;
    }

    ByteView input_;
    std::size_t offset_ = 0;
    JpegMarkers markers_;
    ErrorCode code_ = ErrorCode::kMalformed;
    std::string text_;
};

}  // namespace

Result<JpegMarkers> parse_jpeg_markers(ByteView input) {
    return MarkerWalk(input).run();
}

namespace {

JpegRefusal refuse_process(const JpegMarkers& markers) {
    const bool huffman = markers.sof == kSof0 || markers.sof == kSof1 || markers.sof == kSof2;
    if (!huffman || markers.arithmetic) {
        return {Outcome::kNotApplicable, "arithmetic, lossless or hierarchical coding"};
    }
    if (markers.precision != 8) return {Outcome::kNotApplicable, "not 8 bits a sample"};
    if (markers.components.size() == 4) return {Outcome::kUntouchable, "CMYK"};
    if (markers.components.size() != 1 && markers.components.size() != 3)
        return {Outcome::kNotApplicable, "neither gray nor three components"};
    if (markers.segments_after_first_scan) return {Outcome::kNotApplicable, "metadata between scans"};
    if (markers.tables_after_first_scan)
        return {Outcome::kNotApplicable, "quantisation tables change between scans"};
    return {};
}

bool contains(ByteView payload, std::string_view word) {
    return as_text(payload).find(word) != std::string_view::npos;
}

JpegRefusal refuse_app1(ByteView payload) {
    // Exif may hold any bytes; only XMP (packet or extension) is searched for words.
    if (!starts_with(payload, "http://ns.adobe.com/")) return {};
    for (const std::string_view word : {"MicroVideo", "MotionPhoto"}) {
        if (contains(payload, word)) return {Outcome::kUntouchable, "motion photo"};
    }
    for (const std::string_view word :
         {"hdrgm:", "ns.adobe.com/hdr-gain-map", "HDRGainMap", "hdrgainmap", "HDRToneMap"}) {
        if (contains(payload, word)) return {Outcome::kUntouchable, "gain map"};
    }
    return {};
}

JpegRefusal refuse_segment(std::uint8_t marker, ByteView payload) {
    if (marker == kApp1) return refuse_app1(payload);
    if (marker == kApp2 && starts_with(payload, std::string_view("MPF\0", 4)))
        return {Outcome::kUntouchable, "multi-picture file"};
    if (marker == kApp2 && starts_with(payload, "urn:iso:std:iso:ts:21496"))
        return {Outcome::kUntouchable, "gain map"};
    if (marker == kApp11 && starts_with(payload, "JP"))
        return {Outcome::kUntouchable, "content credentials (JUMBF)"};
    return {};
}

}  // namespace

JpegRefusal refuse_jpeg(ByteView input, const JpegMarkers& markers) {
    if (JpegRefusal refusal = refuse_process(markers)) return refusal;
    for (const JpegSegment& segment : markers.segments) {
        if (JpegRefusal refusal = refuse_segment(segment.marker, slice(input, segment.payload)))
            return refusal;
    }
    if (markers.end_of_image != input.size())
        return {Outcome::kUntouchable, "data after the end of the image"};
    return {};
}

bool xmp_refers_to_pixels(std::uint8_t marker, ByteView payload) {
    if (marker != kApp1 || !starts_with(payload, "http://ns.adobe.com/")) return false;
    return contains(payload, "GDepth:") || contains(payload, "GImage:") || contains(payload, "GPano:") ||
           contains(payload, "Container:Directory");
}

bool jpeg_pixels_are_referenced(ByteView input, const JpegMarkers& markers) {
    return std::any_of(markers.segments.begin(), markers.segments.end(), [&](const JpegSegment& segment) {
        return xmp_refers_to_pixels(segment.marker, slice(input, segment.payload));
    });
}

int estimate_jpeg_quality(const JpegMarkers& markers) {
    const JpegQuantTable& table = markers.quant_tables[markers.components.front().quant_table];
    if (table[0] == 0) return 100;  // undefined table: libjpeg will refuse the file
    return nearest_jpeg_quality(table);
}

bool has_own_jpeg_table(const JpegMarkers& markers) {
    const JpegQuantTable& table = markers.quant_tables[markers.components.front().quant_table];
    return table == jpeg_quality_table(estimate_jpeg_quality(markers), JpegBaseTable::kOwnLuma);
}

}  // namespace optimilter
