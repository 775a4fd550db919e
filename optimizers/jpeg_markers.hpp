// SPDX-License-Identifier: Apache-2.0
//
// The marker structure of a JPEG file (ITU-T T.81 Annex B), read without any decoder: what kind of picture it
// is, where its APPn and COM segments lie, where it ends, and whether it is one we may touch at all. Knows
// nothing of entropy-coded bits. Thread safe: pure functions; views and ranges point into the caller's input.
//
// Security: reads outside bytes. Every length is checked against the end of the input before use, segments
// and scans are counted against kMaxJpegSegments and kMaxJpegScans, and the walk is linear in the input.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_quality.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

constexpr std::size_t kMaxJpegSegments = 4096;
constexpr std::size_t kMaxJpegScans = 200;

namespace jpeg_marker {
constexpr std::uint8_t kSof0 = 0xC0;
constexpr std::uint8_t kSof1 = 0xC1;
constexpr std::uint8_t kSof2 = 0xC2;
constexpr std::uint8_t kDht = 0xC4;
constexpr std::uint8_t kDac = 0xCC;
constexpr std::uint8_t kSoi = 0xD8;
constexpr std::uint8_t kEoi = 0xD9;
constexpr std::uint8_t kSos = 0xDA;
constexpr std::uint8_t kDqt = 0xDB;
constexpr std::uint8_t kDnl = 0xDC;
constexpr std::uint8_t kDri = 0xDD;
constexpr std::uint8_t kDhp = 0xDE;
constexpr std::uint8_t kExp = 0xDF;
constexpr std::uint8_t kApp0 = 0xE0;
constexpr std::uint8_t kApp1 = 0xE1;
constexpr std::uint8_t kApp2 = 0xE2;
constexpr std::uint8_t kApp11 = 0xEB;
constexpr std::uint8_t kApp13 = 0xED;
constexpr std::uint8_t kApp14 = 0xEE;
constexpr std::uint8_t kApp15 = 0xEF;
constexpr std::uint8_t kCom = 0xFE;
}  // namespace jpeg_marker

// One APPn or COM segment. payload: without marker and length field.
struct JpegSegment {
    std::uint8_t marker = 0;
    ByteRange payload;
};

struct JpegComponent {
    std::uint8_t id = 0;
    std::uint8_t horizontal = 1;  // sampling factors, 1..4
    std::uint8_t vertical = 1;
    std::uint8_t quant_table = 0;
};

struct JpegMarkers {
    std::uint8_t sof = 0;        // the SOFn marker
    std::uint8_t precision = 0;  // bits a sample
    std::uint32_t width = 0;     // pixels
    std::uint32_t height = 0;
    std::vector<JpegComponent> components;
    std::array<JpegQuantTable, 4> quant_tables{};
    std::array<bool, 4> quant_table_defined{};
    std::vector<JpegSegment> segments;  // APPn and COM, in file order
    std::size_t scans = 0;
    std::uint16_t restart_interval = 0;            // MCUs; 0: none
    std::size_t end_of_image = 0;                  // offset after EOI
    bool segments_after_first_scan = false;        // an APPn or COM between scans
    bool tables_after_first_scan = false;          // a DQT between scans
    bool arithmetic = false;                       // a DAC segment
    std::vector<std::uint8_t> scans_of_component;  // by index, how many scans hold each component

    bool progressive() const { return sof == jpeg_marker::kSof2; }
    std::uint64_t pixels() const { return std::uint64_t{width} * height; }
};

// Walks from SOI to EOI. kMalformed: the structure is broken or ends before EOI; kUnsupported: a process of
// T.81 other than sequential or progressive Huffman; kLimit: too many segments or scans.
Result<JpegMarkers> parse_jpeg_markers(ByteView input);

// Why a picture of sound structure must stay as it is.
struct JpegRefusal {
    Outcome outcome = Outcome::kOptimized;  // kOptimized: nothing against it
    std::string reason;
    explicit operator bool() const { return outcome != Outcome::kOptimized; }
};

// CMYK, gain maps, multi-picture files, motion photos, content credentials, data after EOI and the like.
JpegRefusal refuse_jpeg(ByteView input, const JpegMarkers& markers);

// true for XMP, extensions included, that ties other content to the picture it stands in.
bool xmp_refers_to_pixels(std::uint8_t marker, ByteView payload);

// true when the XMP ties other content to the exact pixels or size (depth maps, panoramas): no loss, no
// scaling.
bool jpeg_pixels_are_referenced(ByteView input, const JpegMarkers& markers);

// The libjpeg quality (1..100) whose scaled tables, Annex K's or ours (jpeg_quality.hpp), are nearest to the
// table of the first component. Exact for files written with those tables.
int estimate_jpeg_quality(const JpegMarkers& markers);

// true when the first component has a table of ours, so that the pixels were coded by us.
bool has_own_jpeg_table(const JpegMarkers& markers);

}  // namespace optimilter
