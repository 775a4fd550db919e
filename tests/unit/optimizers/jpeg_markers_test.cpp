// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_markers.hpp"

#include "jpeg_pictures.hpp"

namespace optimilter {
namespace {

using namespace std::string_view_literals;
using pictures::bytes_of;

constexpr std::string_view kSoi = "\xFF\xD8"sv;
constexpr std::string_view kEoi = "\xFF\xD9"sv;
constexpr std::string_view kSofGray = "\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x01\x01\x11\x00"sv;
constexpr std::string_view kScan = "\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00\x12\xFF\x00\x34\xFF\xD3\x56"sv;

void test_structure() {
    struct Case {
        std::string_view name;
        std::initializer_list<std::string_view> parts;
        std::optional<ErrorCode> want;
    };
    const Case kCases[] = {
        {"smallest", {kSoi, kSofGray, kScan, kEoi}, std::nullopt},
        {"fill bytes before markers",
         {kSoi, "\xFF\xFF\xFF"sv, kSofGray, kScan, "\xFF\xFF"sv, kEoi},
         std::nullopt},
        {"empty", {}, ErrorCode::kMalformed},
        {"only SOI", {kSoi}, ErrorCode::kMalformed},
        {"no SOI", {kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"no EOI", {kSoi, kSofGray, kScan}, ErrorCode::kMalformed},
        {"ends in a fill byte", {kSoi, kSofGray, kScan, "\xFF"sv}, ErrorCode::kMalformed},
        {"EOI without a picture", {kSoi, kEoi}, ErrorCode::kMalformed},
        {"EOI without a scan", {kSoi, kSofGray, kEoi}, ErrorCode::kMalformed},
        {"bytes between segments", {kSoi, "x"sv, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"second SOI", {kSoi, kSoi, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"RST outside of a scan", {kSoi, "\xFF\xD0"sv, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"second SOF", {kSoi, kSofGray, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"scan before SOF", {kSoi, kScan, kSofGray, kEoi}, ErrorCode::kMalformed},
        {"length 0", {kSoi, "\xFF\xE0\x00\x00"sv, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"length 1", {kSoi, "\xFF\xE0\x00\x01"sv, kSofGray, kScan, kEoi}, ErrorCode::kMalformed},
        {"length past the end", {kSoi, "\xFF\xE0\xFF\xFFxx"sv}, ErrorCode::kMalformed},
        {"cut in the length", {kSoi, "\xFF\xE0\x00"sv}, ErrorCode::kMalformed},
        {"DQT too short", {kSoi, "\xFF\xDB\x00\x05\x00\x01\x01"sv}, ErrorCode::kMalformed},
        {"DQT for slot 4", {kSoi, "\xFF\xDB\x00\x03\x04"sv}, ErrorCode::kMalformed},
        {"DRI too long", {kSoi, "\xFF\xDD\x00\x05\x00\x01\x00"sv}, ErrorCode::kMalformed},
        {"SOF says more components than it holds",
         {kSoi, "\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x03\x01\x11\x00"sv, kScan, kEoi},
         ErrorCode::kMalformed},
        {"width 0",
         {kSoi, "\xFF\xC0\x00\x0B\x08\x00\x10\x00\x00\x01\x01\x11\x00"sv, kScan, kEoi},
         ErrorCode::kMalformed},
        {"sampling factor 0",
         {kSoi, "\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x01\x01\x01\x00"sv, kScan, kEoi},
         ErrorCode::kMalformed},
        {"scan of a stranger",
         {kSoi, kSofGray, "\xFF\xDA\x00\x08\x01\x07\x00\x00\x3F\x00"sv, kEoi},
         ErrorCode::kMalformed},
        {"sequential component twice", {kSoi, kSofGray, kScan, kScan, kEoi}, ErrorCode::kMalformed},
        {"DNL", {kSoi, kSofGray, kScan, "\xFF\xDC\x00\x04\x00\x10"sv, kEoi}, ErrorCode::kUnsupported},
        {"hierarchical", {kSoi, "\xFF\xDE\x00\x02"sv, kSofGray, kScan, kEoi}, ErrorCode::kUnsupported},
    };
    for (const Case& c : kCases) {
        Bytes file;
        for (const std::string_view part : c.parts) append(file, as_bytes(part));
        const Result<JpegMarkers> markers = parse_jpeg_markers(file);
        CHECK_EQ(markers.has_value(), !c.want.has_value(), c.name);
        if (c.want) CHECK_EQ(markers.error().code, *c.want, c.name);
    }
}

void test_too_many() {
    Bytes segments = bytes_of(kSoi);
    for (std::size_t i = 0; i <= kMaxJpegSegments; ++i) append(segments, as_bytes("\xFF\xFE\x00\x02"sv));
    CHECK_EQ(parse_jpeg_markers(segments).error().code, ErrorCode::kLimit);
    Bytes scans = bytes_of(kSoi);
    Bytes sof = bytes_of(kSofGray);
    sof[1] = jpeg_marker::kSof2;
    append(scans, sof);
    for (std::size_t i = 0; i <= kMaxJpegScans; ++i) append(scans, as_bytes(kScan));
    CHECK_EQ(parse_jpeg_markers(scans).error().code, ErrorCode::kLimit);
}

void test_what_is_read() {
    const std::vector<JpegSegmentBytes> segments = {
        {0xE1, bytes_of("one")}, {0xFE, {}}, {0xEF, bytes_of("x")}};
    const Bytes file =
        pictures::jpeg_of(pictures::scene(50, 30, 3, 5), 80, ChromaSampling::k422, segments, true);
    const JpegMarkers markers = pictures::markers_of(file);
    CHECK_EQ(markers.width, 50u);
    CHECK_EQ(markers.height, 30u);
    CHECK_EQ(markers.precision, 8);
    CHECK(markers.components.size() == 3 && markers.components[0].horizontal == 2);
    CHECK_EQ(markers.components[0].vertical, 1);
    CHECK_EQ(markers.end_of_image, file.size());
    CHECK(jpeg_segments(file, markers) == segments);
}

void test_refusals() {
    struct Case {
        std::string_view name;
        std::uint8_t marker;
        std::string_view payload;
        Outcome want;
    };
    constexpr Case kCases[] = {
        {"comment", 0xFE, "MicroVideo MotionPhoto", Outcome::kOptimized},
        {"multi-picture", 0xE2, "MPF\0II*\0"sv, Outcome::kUntouchable},
        {"ISO gain map", 0xE2, "urn:iso:std:iso:ts:21496:-1\0"sv, Outcome::kUntouchable},
        {"ICC", 0xE2, "ICC_PROFILE\0\1\1"sv, Outcome::kOptimized},
        {"C2PA", 0xEB, "JP\0\1"sv, Outcome::kUntouchable},
        {"motion photo", 0xE1, "http://ns.adobe.com/xap/1.0/\0 GCamera:MotionPhoto=\"1\""sv,
         Outcome::kUntouchable},
        {"micro video", 0xE1, "http://ns.adobe.com/xap/1.0/\0 GCamera:MicroVideo=\"1\""sv,
         Outcome::kUntouchable},
        {"gain map", 0xE1, "http://ns.adobe.com/xap/1.0/\0 hdrgm:Version=\"1.0\""sv, Outcome::kUntouchable},
        {"Apple gain map", 0xE1, "http://ns.adobe.com/xap/1.0/\0 HDRGainMap:HDRGainMapVersion"sv,
         Outcome::kUntouchable},
        {"plain XMP", 0xE1, "http://ns.adobe.com/xap/1.0/\0 <x:xmpmeta/>"sv, Outcome::kOptimized},
    };
    for (const Case& c : kCases) {
        const Bytes file = pictures::camera_jpeg(pictures::scene(64, 64, 3, 5), 80, ChromaSampling::k420,
                                                 {{c.marker, bytes_of(c.payload)}});
        CHECK_EQ(refuse_jpeg(file, pictures::markers_of(file)).outcome, c.want, c.name);
        CHECK_EQ(pictures::run(file, Options{}).optimized, c.want == Outcome::kOptimized, c.name);
    }
}

void test_processes() {
    struct Case {
        std::string_view name;
        std::uint8_t sof;
        std::uint8_t precision;
        Outcome want;
    };
    constexpr Case kCases[] = {
        {"baseline", 0xC0, 8, Outcome::kOptimized},
        {"extended", 0xC1, 8, Outcome::kOptimized},
        {"12 bit", 0xC1, 12, Outcome::kNotApplicable},
        {"lossless", 0xC3, 8, Outcome::kNotApplicable},
        {"differential", 0xC5, 8, Outcome::kNotApplicable},
        {"arithmetic", 0xC9, 8, Outcome::kNotApplicable},
        {"arithmetic progressive", 0xCA, 8, Outcome::kNotApplicable},
    };
    for (const Case& c : kCases) {
        Bytes file = pictures::camera_jpeg(pictures::scene(64, 64, 1, 5), 80);
        const std::size_t at = as_text(file).find("\xFF\xC0\x00\x0B"sv);
        file[at + 1] = c.sof;
        file[at + 4] = c.precision;
        CHECK_EQ(pictures::run(file, Options{}).attempt.outcome, c.want, c.name);
    }
}

void test_data_after_the_end() {
    for (const std::string_view tail : {"\0"sv, "\0\0\0\0"sv, "\xFF\xD9"sv, "ftypmp42"sv}) {
        Bytes file = pictures::camera_jpeg(pictures::scene(64, 64, 3, 5), 80);
        append(file, as_bytes(tail));
        CHECK_EQ(pictures::run(file, Options{}).attempt.outcome, Outcome::kUntouchable, tail);
    }
}

void test_quality_estimate() {
    const JpegPixels gray = pictures::scene(16, 16, 1, 5);
    for (int quality = 1; quality <= 100; ++quality) {
        const Bytes file = pictures::camera_jpeg(gray, quality);
        const int estimate = estimate_jpeg_quality(pictures::markers_of(file));
        // The lowest qualities share tables, clamped at 255.
        CHECK(estimate <= quality && estimate >= quality - 1, std::to_string(quality));
    }
    JpegMarkers odd = pictures::markers_of(pictures::camera_jpeg(gray, 75));
    for (std::uint16_t& step : odd.quant_tables[0]) step = 2;
    CHECK(estimate_jpeg_quality(odd) > 93);
    for (std::uint16_t& step : odd.quant_tables[0]) step = 200;
    CHECK(estimate_jpeg_quality(odd) < 25);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_structure), TEST(test_too_many),           TEST(test_what_is_read),    TEST(test_refusals),
        TEST(test_processes), TEST(test_data_after_the_end), TEST(test_quality_estimate)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
