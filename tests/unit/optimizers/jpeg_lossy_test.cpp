// SPDX-License-Identifier: Apache-2.0
#include "exif_builder.hpp"
#include "jpeg_pictures.hpp"
#include "optimizers/exif.hpp"
#include "optimizers/jpeg_judge.hpp"

namespace optimilter {
namespace {

using namespace std::string_view_literals;
using pictures::bytes_of;
using pictures::camera_jpeg;
using pictures::lossy_options;
using pictures::markers_of;
using pictures::Outcomes;
using pictures::run;
using pictures::scene;

JpegSegmentBytes exif_segment(const exif_builder::Sample& sample) {
    Bytes payload = bytes_of("Exif\0\0"sv);
    append(payload, sample.build());
    return {0xE1, payload};
}

bool holds(ByteView bytes, std::string_view word) {
    return as_text(bytes).find(word) != std::string_view::npos;
}

std::uint16_t orientation_in(ByteView file) {
    for (const JpegSegmentBytes& segment : jpeg_segments(file, markers_of(file))) {
        if (starts_with(segment.payload, "Exif\0\0"sv))
            return exif_orientation(ByteView(segment.payload).subspan(6)).value_or(0);
    }
    return 0;
}

void test_within_the_bounds() {
    for (const std::uint32_t channels : {1u, 3u}) {
        for (const bool progressive : {false, true}) {
            Options options = lossy_options();
            options.jpeg_progressive = progressive;
            const Bytes file = camera_jpeg(scene(700, 500, channels, 3), 95, ChromaSampling::k444);
            const Outcomes outcomes = run(file, options);
            CHECK(outcomes.optimized, outcomes.verified + outcomes.attempt.reason);
            CHECK(outcomes.attempt.score.value_or(0) >= 0.95);
            const JpegMarkers markers = markers_of(outcomes.attempt.output);
            CHECK(estimate_jpeg_quality(markers) <= options.jpeg_quality_max);
            CHECK(estimate_jpeg_quality(markers) >= options.jpeg_quality_min - 1);
            CHECK_EQ(markers.components.size(), channels);
            // Small ones may come out sequential either way.
            if (!progressive) CHECK(!markers.progressive());
            CHECK_EQ(markers.width, 700u);
        }
    }
}

// The rows that make a second pass find something are the interesting ones: sizes, sampling, scaling.
void test_second_pass_changes_nothing() {
    for (const std::uint32_t channels : {1u, 3u}) {
        for (const int noise : {0, 4, 25}) {
            for (const std::uint32_t side : {8u, 61u, 300u, 900u}) {
                for (const std::uint32_t max_side : {0u, 200u}) {
                    Options options = lossy_options();
                    options.max_side_px = max_side;
                    const Bytes file = camera_jpeg(scene(side, side * 2 / 3 + 1, channels, noise), 93,
                                                   noise == 4 ? ChromaSampling::k422 : ChromaSampling::k444,
                                                   {exif_segment({})});
                    const Outcomes first = run(file, options);
                    CHECK_EQ(first.verified, "");
                    const Bytes& result = first.optimized ? first.attempt.output : file;
                    CHECK(!run(result, options).optimized,
                          std::to_string(side) + "/" + std::to_string(noise));
                }
            }
        }
    }
}

void test_never_reencodes_at_or_below_the_upper_quality() {
    Options options = lossy_options();
    options.score_min = 0;
    for (const int quality : {40, 75, 81, 82}) {
        const Bytes file = camera_jpeg(scene(300, 200, 3, 3), quality);
        CHECK(!run(file, options).attempt.score.has_value(), std::to_string(quality));
    }
    CHECK(run(camera_jpeg(scene(300, 200, 3, 3), 84), options).attempt.score.has_value());
}

void test_unreachable_score_means_lossless() {
    Options options = lossy_options();
    options.score_min = 10000;
    const Bytes file = camera_jpeg(scene(300, 200, 3, 30), 95);
    const Outcomes outcomes = run(file, options);
    CHECK(outcomes.optimized, outcomes.verified);
    CHECK(!outcomes.attempt.score.has_value());
    CHECK_EQ(estimate_jpeg_quality(markers_of(outcomes.attempt.output)), 95);
}

void test_higher_bound_larger_file() {
    const Bytes file = camera_jpeg(scene(600, 400, 3, 3), 96);
    std::size_t last = 0;
    for (const std::uint16_t bound : {std::uint16_t{8500}, std::uint16_t{9200}, std::uint16_t{9500}}) {
        Options options = lossy_options();
        options.score_min = bound;
        options.jpeg_quality_min = 10;
        options.jpeg_quality_max = 92;
        const Outcomes outcomes = run(file, options);
        CHECK(outcomes.optimized, outcomes.verified);
        CHECK(outcomes.attempt.score.value_or(0) * 10000 >= bound);
        CHECK(outcomes.attempt.output.size() > last);
        last = outcomes.attempt.output.size();
    }
}

void test_scaling() {
    struct Case {
        std::string_view name;
        std::uint32_t width, height, max_side;
        int depth;
        std::uint32_t want_width, want_height;
    };
    constexpr Case kCases[] = {
        {"wide", 600, 300, 200, 0, 200, 100},
        {"high", 150, 600, 200, 0, 50, 200},
        {"within", 200, 100, 200, 0, 200, 100},
        {"a line", 900, 1, 100, 0, 100, 1},
        {"shrink on load", 1700, 850, 200, 0, 200, 100},
        {"inside a document", 600, 300, 200, 1, 600, 300},
        {"switched off", 600, 300, 0, 0, 600, 300},
    };
    for (const Case& c : kCases) {
        for (const std::uint32_t channels : {1u, 3u}) {
            Options options = lossy_options();
            options.max_side_px = c.max_side;
            options.score_min = 6000;
            // At or below the upper quality: only scaling is a reason to encode again.
            const Outcomes outcomes =
                run(camera_jpeg(scene(c.width, c.height, channels, 2), 80), options, c.depth);
            CHECK(outcomes.optimized,
                  std::string(c.name) + ": " + outcomes.verified + outcomes.attempt.reason);
            const JpegMarkers markers = markers_of(outcomes.attempt.output);
            CHECK_EQ(markers.width, c.want_width, c.name);
            CHECK_EQ(markers.height, c.want_height, c.name);
            CHECK_EQ(outcomes.attempt.score.has_value(), c.width != c.want_width, c.name);
        }
    }
}

void test_metadata_kept_and_dropped() {
    for (const bool pixels_kept : {false, true}) {
        for (const bool keep_gps : {false, true}) {
            Options options = lossy_options();
            options.keep_gps = keep_gps;
            const std::vector<JpegSegmentBytes> segments = {
                {0xE0, bytes_of("JFIF\0\1\2\1\0\x48\0\x48\1\1RGB"sv)},
                {0xE0, bytes_of("JFXX\0\x13thumbnail in JFXX"sv)},
                exif_segment({}),
                {0xE1, bytes_of("http://ns.adobe.com/xap/1.0/\0<d exif:GPSLatitude=\"47,11N\" "
                                "dc:rights=\"mine\"><exif:GPSTimeStamp>now</exif:GPSTimeStamp></d>"sv)},
                {0xE2, bytes_of("ICC_PROFILE\0\1\1profile"sv)},
                {0xED, bytes_of("Photoshop 3.0\0"
                                "8BIM\x04\x0C\0\0\0\0\0\6PSTHUM"
                                "8BIM\4\4\0\0\0\0\0\4IPTC"sv)},
            };
            const Bytes file =
                camera_jpeg(scene(400, 300, 3, 3), pixels_kept ? 80 : 95, ChromaSampling::k420, segments);
            const Outcomes outcomes = run(file, options);
            CHECK(outcomes.optimized, outcomes.verified + outcomes.attempt.reason);
            CHECK_EQ(outcomes.attempt.score.has_value(), !pixels_kept);
            const Bytes& output = outcomes.attempt.output;
            CHECK_EQ(orientation_in(output), 6);
            for (const std::string_view gone : {"thumbnail in JFXX", "THUMBNAIL", "MAKERNOTE", "PSTHUM"})
                CHECK(!holds(output, gone), gone);
            for (const std::string_view kept :
                 {"All rights kept", "profile", "IPTC", "dc:rights=\"mine\"", "2024:05:06"})
                CHECK(holds(output, kept), kept);
            for (const std::string_view gps : {"GPSLAT 47", "GPSLatitude", "GPSTimeStamp"})
                CHECK_EQ(holds(output, gps), keep_gps, gps);
        }
    }
}

void test_unreadable_exif() {
    JpegSegmentBytes broken = exif_segment({.extra = {exif_builder::Field{0x9999, 99, 1, 1}}});
    const Bytes file = camera_jpeg(scene(400, 300, 3, 3), 95, ChromaSampling::k420, {broken});
    const Outcomes kept = run(file, lossy_options());
    CHECK(kept.optimized && holds(kept.attempt.output, as_text(broken.payload)), kept.verified);
    // With GPS to go, nothing of it may stay but what can be read beyond doubt.
    Options no_gps = lossy_options();
    no_gps.keep_gps = false;
    const Outcomes dropped = run(file, no_gps);
    CHECK(dropped.optimized, dropped.verified);
    CHECK(!holds(dropped.attempt.output, "GPSLAT"));
    CHECK_EQ(orientation_in(dropped.attempt.output), 6);
}

void test_pixels_others_refer_to_are_kept() {
    Options options = lossy_options();
    options.max_side_px = 100;
    for (const std::string_view word : {"GDepth:Near", "GPano:FullPanoWidthPixels", "Container:Directory"}) {
        Bytes xmp = bytes_of("http://ns.adobe.com/xap/1.0/\0"sv);
        append(xmp, as_bytes(word));
        const Outcomes outcomes =
            run(camera_jpeg(scene(400, 300, 3, 3), 95, ChromaSampling::k420, {{0xE1, xmp}}), options);
        CHECK(outcomes.optimized && !outcomes.attempt.score.has_value(), word);
    }
}

// A position that cannot be taken out would take the whole XMP along, and with it what makes the picture a
// panorama: the next pass would even change its pixels.
void test_references_outlive_positions() {
    Options options = lossy_options();
    options.keep_gps = false;
    const Bytes refers = bytes_of("http://ns.adobe.com/xap/1.0/\0<d GPano:PoseRollDegrees=\"1\"/>"sv);
    const Bytes blanked =
        bytes_of("http://ns.adobe.com/xap/1.0/\0<d GPano:A=\"1\" exif:GPSLatitude=\"4\"/>"sv);
    const Bytes odd = bytes_of("http://ns.adobe.com/xap/1.0/\0<d GPano:A=\"1\"><exif:GPSLatitude/></d>"sv);
    const Bytes extension = bytes_of("http://ns.adobe.com/xmp/extension/\0digest, sizes, the depth map"sv);
    const auto outcomes_of = [&](const std::vector<JpegSegmentBytes>& segments) {
        return run(camera_jpeg(scene(400, 300, 3, 3), 95, ChromaSampling::k420, segments), options);
    };
    for (const Bytes& xmp : {refers, blanked}) CHECK(outcomes_of({{0xE1, xmp}}).optimized);
    CHECK(!holds(outcomes_of({{0xE1, blanked}}).attempt.output, "GPSLatitude"));
    for (const auto& segments : {std::vector<JpegSegmentBytes>{{0xE1, odd}},
                                 std::vector<JpegSegmentBytes>{{0xE1, refers}, {0xE1, extension}}}) {
        CHECK(outcomes_of(segments).attempt.outcome == Outcome::kNotApplicable);
        CHECK(!compare_jpeg_metadata(segments, {}, options).empty());
    }
}

void test_rgb_files_keep_their_pixels() {
    const Bytes file = camera_jpeg(scene(300, 200, 3, 3), 95, ChromaSampling::k444,
                                   {{0xEE, bytes_of("Adobe\0\x64\0\0\0\0\0"sv)}});
    const Outcomes outcomes = run(file, lossy_options());
    CHECK(outcomes.optimized, outcomes.verified);
    CHECK(!outcomes.attempt.score.has_value());
}

void test_verify_refuses() {
    Options options = lossy_options();
    const std::vector<JpegSegmentBytes> segments = {exif_segment({}),
                                                    {0xE2, bytes_of("ICC_PROFILE\0\1\1p"sv)}};
    const JpegPixels pixels = scene(400, 300, 3, 3);
    const Bytes file = camera_jpeg(pixels, 95, ChromaSampling::k420, segments);
    const auto verdict = [&](Bytes output) {
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, {}};
        Attempt attempt{Outcome::kOptimized, {}, std::move(output), 0.99, {}};
        return verify_jpeg(file, attempt, context);
    };
    const auto with = [&](const JpegPixels& picture, int quality, const std::vector<JpegSegmentBytes>& kept) {
        return pictures::jpeg_of(picture, quality, ChromaSampling::k420, kept);
    };
    CHECK_EQ(verdict(with(pixels, 82, segments)), "");
    CHECK(!verdict(with(pixels, 3, segments)).empty());
    CHECK(!verdict(with(scene(400, 300, 3, 20, 9), 82, segments)).empty());
    CHECK(!verdict(with(scene(400, 301, 3, 3), 82, segments)).empty());
    CHECK(!verdict(with(scene(400, 300, 1, 3), 82, segments)).empty());
    CHECK(!verdict(with(pixels, 82, {segments[0]})).empty());
    CHECK(!verdict(with(pixels, 82, {segments[1]})).empty());
    CHECK(!verdict(with(pixels, 82, {exif_segment({.orientation = 1}), segments[1]})).empty());
    options.keep_gps = false;
    CHECK(!verdict(with(pixels, 82, segments)).empty());
    options = Options{};
    CHECK(!verdict(with(pixels, 82, segments)).empty());
}

// The decoded input that an attempt brings along spares a second decoding, and no check.
void test_verify_refuses_what_differs_from_the_decoded_input() {
    const Options options = lossy_options();
    const JpegPixels pixels = scene(400, 300, 3, 3);
    const Bytes file = camera_jpeg(pixels, 95);
    Attempt attempt = run(file, options).attempt;
    CHECK(attempt.score.has_value() && attempt.jpeg_judge != nullptr);
    const auto verdict = [&](const Attempt& changed) {
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, {}};
        return verify_jpeg(file, changed, context);
    };
    CHECK_EQ(verdict(attempt), "");
    Attempt other = attempt;
    other.output = pictures::jpeg_of(scene(400, 300, 3, 20, 9), 82);
    CHECK(!verdict(other).empty());
    other.output = pictures::jpeg_of(pixels, 3);
    CHECK(!verdict(other).empty());
    JpegPixels damaged = pixels;
    for (std::size_t y = 100; y < 116; ++y)
        std::fill_n(damaged.samples.begin() + static_cast<std::ptrdiff_t>((y * 400 + 200) * 3), 16 * 3, 255);
    other.output = pictures::jpeg_of(damaged, 82);
    CHECK(!verdict(other).empty());
    for (const std::size_t size : {std::size_t{0}, pixels.samples.size() - 1, pixels.samples.size() + 1}) {
        other = attempt;
        JpegPixels shown = attempt.jpeg_judge->shown();
        shown.samples.resize(size);
        other.jpeg_judge = std::make_shared<JpegJudge>(shown);
        CHECK(!verdict(other).empty(), std::to_string(size));
    }
}

// What was measured is known without being decoded again, for which the deadline leaves no time here;
// whatever else comes is decoded.
void test_judge_knows_what_it_measured() {
    const JpegPixels pixels = scene(400, 300, 3, 3);
    const Bytes file = pictures::jpeg_of(pixels, 82);
    const Bytes other = pictures::jpeg_of(pixels, 81);
    const Deadline late = Deadline::in_ms(-1);
    JpegJudge judge(pixels);
    CHECK(judge.score(file, ScoreChroma::kHalfSize, late).error().code == ErrorCode::kDeadline);
    const double score = pictures::must(judge.score(file, ScoreChroma::kHalfSize, Deadline()));
    CHECK(score > 0 && score < 1);
    CHECK_EQ(pictures::must(judge.score(file, ScoreChroma::kHalfSize, late)), score);
    CHECK(!judge.score(file, ScoreChroma::kFullSize, late));
    CHECK(!judge.score(other, ScoreChroma::kHalfSize, late));
    CHECK(!judge.score(pictures::jpeg_of(scene(400, 301, 3, 3), 82), ScoreChroma::kHalfSize, Deadline()));
    CHECK(!judge.score(pictures::jpeg_of(scene(400, 300, 1, 3), 82), ScoreChroma::kHalfSize, Deadline()));
    CHECK(!judge.score({}, ScoreChroma::kHalfSize, Deadline()));
}

// Whatever is left for the last of the bands that are scored one by one.
void test_judge_measures_every_height() {
    for (const std::uint32_t height : {1u, 8u, 255u, 256u, 257u, 264u, 272u, 273u, 512u, 520u, 528u, 529u}) {
        const JpegPixels pixels = scene(40, height, 3, 3);
        const Bytes file = pictures::jpeg_of(pixels, 82);
        JpegDecoder decoder(file, Deadline());
        CHECK(decoder.read_header());
        const JpegPixels seen = pictures::must(decoder.read_pixels(JpegColors::kRgb));
        const double score = picture_score(pixels.samples, seen.samples, 40, height, 3);
        const Result<double> judged = JpegJudge(pixels).score(file, ScoreChroma::kHalfSize, Deadline());
        CHECK(judged, std::to_string(height) + ": " + (judged ? "" : judged.error().text));
        CHECK_EQ(*judged, score, std::to_string(height));
    }
}

// Colours that no screen has are clipped where they are measured, so that both ways of verifying agree: a
// document's verification decodes the input anew.
void test_both_ways_of_verifying_agree() {
    JpegPixels pixels = scene(500, 400, 3, 2);
    for (std::size_t i = 0; i < pixels.samples.size(); i += 3) {
        const std::size_t x = i / 3 % 500;
        if (x / 29 % 2 == 0) continue;
        pixels.samples[i] = 245;
        pixels.samples[i + 1] = static_cast<std::uint8_t>(x % 3 == 0 ? 60 : 190);
        pixels.samples[i + 2] = 180;
    }
    for (const std::uint32_t max_side : {0u, 220u}) {
        Options options = lossy_options();
        options.max_side_px = max_side;
        options.jpeg_quality_max = 92;
        options.score_min = 9300;
        options.score_min_text = 9300;
        const Bytes file = camera_jpeg(pixels, 97, ChromaSampling::k444);
        Outcomes outcomes = run(file, options);
        CHECK(outcomes.optimized && outcomes.attempt.score, outcomes.verified + outcomes.attempt.reason);
        outcomes.attempt.jpeg_judge.reset();
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, {}};
        CHECK_EQ(verify_jpeg(file, outcomes.attempt, context), "");
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_within_the_bounds),
                                TEST(test_second_pass_changes_nothing),
                                TEST(test_never_reencodes_at_or_below_the_upper_quality),
                                TEST(test_unreachable_score_means_lossless),
                                TEST(test_higher_bound_larger_file),
                                TEST(test_scaling),
                                TEST(test_metadata_kept_and_dropped),
                                TEST(test_unreadable_exif),
                                TEST(test_pixels_others_refer_to_are_kept),
                                TEST(test_references_outlive_positions),
                                TEST(test_rgb_files_keep_their_pixels),
                                TEST(test_verify_refuses),
                                TEST(test_verify_refuses_what_differs_from_the_decoded_input),
                                TEST(test_judge_knows_what_it_measured),
                                TEST(test_judge_measures_every_height),
                                TEST(test_both_ways_of_verifying_agree)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
