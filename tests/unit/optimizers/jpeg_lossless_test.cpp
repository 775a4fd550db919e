// SPDX-License-Identifier: Apache-2.0
#include "coefficient_picture.hpp"
#include "exif_builder.hpp"
#include "jpeg_pictures.hpp"

namespace optimilter {
namespace {

using namespace std::string_view_literals;
using pictures::bytes_of;
using pictures::camera_jpeg;
using pictures::Outcomes;
using pictures::run;
using pictures::scene;

Bytes pixels_of(ByteView file, JpegColors colors) {
    JpegDecoder decoder(file, Deadline());
    if (!decoder.read_header()) throw check::Failure("no header");
    return pictures::must(decoder.read_pixels(colors)).samples;
}

void test_same_pixels_smaller_file() {
    struct Case {
        std::string_view name;
        JpegPixels pixels;
        ChromaSampling sampling;
        bool progressive;
    };
    const Case kCases[] = {
        {"4:2:0", scene(333, 251, 3, 12), ChromaSampling::k420, true},
        {"4:2:2", scene(333, 251, 3, 12), ChromaSampling::k422, true},
        {"4:4:4", scene(333, 251, 3, 12), ChromaSampling::k444, true},
        {"gray", scene(333, 251, 1, 12), ChromaSampling::k444, true},
        {"baseline wanted", scene(333, 251, 3, 12), ChromaSampling::k420, false},
        {"gray baseline", scene(333, 251, 1, 12), ChromaSampling::k420, false},
        {"tiny", scene(9, 3, 3, 12), ChromaSampling::k420, true},
        {"one pixel", scene(1, 1, 3, 12), ChromaSampling::k420, true},
    };
    for (const Case& c : kCases) {
        Options options;
        options.jpeg_progressive = c.progressive;
        const Bytes file = camera_jpeg(c.pixels, 85, c.sampling);
        const Outcomes first = run(file, options);
        CHECK_EQ(first.verified, "", c.name);
        CHECK(first.optimized, c.name);
        CHECK(!first.attempt.score.has_value(), c.name);
        const JpegColors colors = c.pixels.channels == 1 ? JpegColors::kGray : JpegColors::kRgb;
        CHECK(pixels_of(file, colors) == pixels_of(first.attempt.output, colors), c.name);
        if (!c.progressive) CHECK(!pictures::markers_of(first.attempt.output).progressive(), c.name);
        CHECK(!run(first.attempt.output, options).optimized, c.name);
    }
}

void test_large_ones_become_progressive() {
    const Bytes file = camera_jpeg(scene(800, 600, 3, 20), 90);
    CHECK(pictures::markers_of(run(file, Options{}).attempt.output).progressive());
}

// Every kind of segment, in an order no library would write, comes out byte for byte.
void test_metadata_byte_for_byte() {
    const Bytes exif = exif_builder::Sample{}.build();
    Bytes exif_payload = bytes_of("Exif\0\0"sv);
    append(exif_payload, exif);
    const std::vector<JpegSegmentBytes> segments = {
        {0xE0, bytes_of("JFIF\0\1\2\1\0\x48\0\x48\0\0"sv)},
        {0xFE, bytes_of("comment before Exif"sv)},
        {0xE0, bytes_of("JFXX\0\x10not a thumbnail at all"sv)},
        {0xE1, exif_payload},
        {0xE2, bytes_of("ICC_PROFILE\0\1\2first chunk"sv)},
        {0xE2, bytes_of("ICC_PROFILE\0\2\2second chunk"sv)},
        {0xE1, bytes_of("http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"sv)},
        {0xE1, bytes_of("http://ns.adobe.com/xmp/extension/\0GUID and a piece"sv)},
        {0xED, bytes_of("Photoshop 3.0\0broken resources"sv)},
        {0xEE, bytes_of("Adobe\0\x64\0\0\0\0\1"sv)},
        {0xFE, Bytes(65533, 'x')},
        {0xFE, {}},
    };
    const Bytes file = camera_jpeg(scene(400, 300, 3, 15), 90, ChromaSampling::k420, segments);
    const Outcomes outcomes = run(file, Options{});
    CHECK(outcomes.optimized, outcomes.verified);
    const Bytes& output = outcomes.attempt.output;
    CHECK(jpeg_segments(output, pictures::markers_of(output)) == segments);
}

void test_rgb_file_stays_rgb() {
    // Without JFIF and with Adobe transform 0, three components mean RGB.
    const Bytes file = camera_jpeg(scene(320, 240, 3, 15), 90, ChromaSampling::k444,
                                   {{0xEE, bytes_of("Adobe\0\x64\0\0\0\0\0"sv)}});
    const Outcomes outcomes = run(file, Options{});
    CHECK(outcomes.optimized, outcomes.verified);
    CHECK(pixels_of(file, JpegColors::kRgb) == pixels_of(outcomes.attempt.output, JpegColors::kRgb));
    CHECK(!run(outcomes.attempt.output, Options{}).optimized);
}

// Wherever a file is cut, it stays as it is.
void test_truncated() {
    for (const bool progressive : {false, true}) {
        const Bytes file =
            pictures::jpeg_of(scene(200, 150, 3, 15), 90, ChromaSampling::k420, {}, progressive);
        for (std::size_t i = 0; i < 16; ++i) {
            const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() * i / 16));
            CHECK_EQ(run(cut, Options{}).attempt.outcome, Outcome::kMalformed, std::to_string(i));
            // With an end of image put back, libjpeg would fill the rest with gray and a warning.
            Bytes mended = cut;
            append(mended, as_bytes("\xFF\xD9"sv));
            CHECK(!run(mended, Options{}).optimized, std::to_string(i));
        }
    }
}

// A progressive file whose last scans are missing is smoothed by decoders, which a complete one is not.
void test_progressive_without_its_last_scan() {
    const Bytes file = pictures::jpeg_of(scene(200, 150, 3, 15), 90, ChromaSampling::k420, {}, true);
    const std::size_t last_scan = as_text(file).rfind("\xFF\xDA"sv);
    Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(last_scan));
    append(cut, as_bytes("\xFF\xD9"sv));
    CHECK_EQ(run(cut, Options{}).attempt.outcome, Outcome::kNotApplicable);
    CHECK_EQ(run(cut, pictures::lossy_options()).attempt.outcome, Outcome::kNotApplicable);
}

// Flipped bits: whatever is said to be optimised decodes like the damaged input.
void test_bit_flips() {
    const Bytes file = camera_jpeg(scene(64, 48, 3, 15), 85);
    pictures::Random random(3);
    for (int i = 0; i < 400; ++i) {
        Bytes flipped = file;
        std::uint8_t& byte = flipped[random.next() % flipped.size()];
        byte = static_cast<std::uint8_t>(byte ^ (1u << (random.next() % 8)));
        for (const bool lossy : {false, true}) {
            const Outcomes outcomes = run(flipped, lossy ? pictures::lossy_options() : Options{});
            if (!outcomes.optimized || outcomes.attempt.score) continue;
            CHECK(pixels_of(flipped, JpegColors::kYCbCr) ==
                  pixels_of(outcomes.attempt.output, JpegColors::kYCbCr));
        }
    }
}

void test_limits() {
    const Bytes file = camera_jpeg(scene(640, 480, 3, 15), 90);
    Options few_pixels;
    few_pixels.max_pixels = 640 * 480 - 1;
    CHECK_EQ(run(file, few_pixels).attempt.outcome, Outcome::kOverBudget);
    for (const bool lossy : {false, true}) {
        const Outcomes late =
            run(file, lossy ? pictures::lossy_options() : Options{}, 0, Deadline::in_ms(-1));
        CHECK_EQ(late.attempt.outcome, Outcome::kOverBudget);
    }
    // 65500 x 65500 pixels said in a few bytes.
    Bytes flood = file;
    const std::size_t sof = as_text(flood).find("\xFF\xC0\x00\x11"sv);
    for (const std::size_t at : {sof + 5, sof + 7}) flood[at] = 0xFF;
    CHECK_EQ(run(flood, Options{}).attempt.outcome, Outcome::kOverBudget);
}

// The verifier must see what the optimizer did wrong.
void test_verify_refuses() {
    const Options options;
    const std::vector<JpegSegmentBytes> note = {{0xFE, bytes_of("note"sv)}};
    const Bytes file = camera_jpeg(scene(200, 150, 3, 15), 90, ChromaSampling::k420, note);
    const auto verdict = [&](Bytes output, bool carry_digest) {
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, {}};
        Attempt attempt = optimize_jpeg(file, context);
        if (!carry_digest) attempt.decoded_input.reset();
        attempt.output = std::move(output);
        return verify_jpeg(file, attempt, context);
    };
    const Bytes good = run(file, options).attempt.output;
    const JpegPixels other = scene(200, 150, 3, 15, 2);
    for (const bool carry : {false, true}) {
        CHECK_EQ(verdict(good, carry), "");
        CHECK(!verdict(pictures::jpeg_of(other, 90, ChromaSampling::k420, note), carry).empty());
        CHECK(!verdict(pictures::jpeg_of(scene(200, 150, 3, 15), 89, ChromaSampling::k420, note), carry)
                   .empty());
        CHECK(!verdict(pictures::jpeg_of(scene(200, 150, 3, 15), 90, ChromaSampling::k444, note), carry)
                   .empty());
        CHECK(!verdict(pictures::jpeg_of(scene(200, 150, 3, 15), 90), carry).empty());
        CHECK(!verdict({}, carry).empty());
        Bytes tail = good;
        tail.push_back(0);
        CHECK(!verdict(tail, carry).empty());
        Bytes cut(good.begin(), good.end() - 2);
        CHECK(!verdict(cut, carry).empty());
    }
}

// What a wrong coder would do, each at its smallest.
void test_verify_sees_each_mutation() {
    coefficient_picture::Owned owned(160, 120, {{2, 2}, {1, 1}, {1, 1}});
    pictures::Random random(9);
    for (std::size_t plane = 0; plane < 3; ++plane) {
        for (std::size_t block = 0; block < owned.block_count(plane); ++block) {
            for (std::size_t k = 0; k < 20; ++k) owned.set(plane, block, k, random.within(-9, 9));
        }
    }
    const Options options;
    JpegSegmentBytes exif{0xE1, bytes_of("Exif\0\0"sv)};
    append(exif.payload, exif_builder::Sample{}.build());
    const std::vector<JpegSegmentBytes> segments = {exif};
    const auto coded = [&](const std::vector<JpegSegmentBytes>& kept) {
        return pictures::must(
            code_jpeg_progressive(owned.picture, kept, JpegScanSearch::kSampled, 1u << 20, Deadline()));
    };
    const Bytes file = pictures::must(
        code_jpeg_sequential(owned.picture, segments, JpegTables::kStandard, 1u << 20, Deadline()));
    const auto verdict = [&](Bytes output) {
        Budget budget(Deadline(), options);
        Context context{options, budget, 0, {}};
        return verify_jpeg(file, {Outcome::kOptimized, {}, std::move(output), {}, {}}, context);
    };
    CHECK_EQ(verdict(coded(segments)), "");
    for (const std::size_t plane : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
        for (const std::size_t at : {std::size_t{0}, std::size_t{63}, owned.samples[plane].size() - 1}) {
            ++owned.samples[plane][at];
            CHECK_EQ(verdict(coded(segments)), "coefficients differ");
            --owned.samples[plane][at];
        }
        std::swap(owned.picture.planes[plane].rows[0], owned.picture.planes[plane].rows[1]);
        CHECK_EQ(verdict(coded(segments)), "coefficients differ", "rows swapped");
        std::swap(owned.picture.planes[plane].rows[0], owned.picture.planes[plane].rows[1]);
        ++owned.picture.planes[plane].quant[63];
        CHECK_EQ(verdict(coded(segments)), "coefficients differ", "quantisation");
        --owned.picture.planes[plane].quant[63];
    }
    std::swap(owned.picture.planes[1].rows, owned.picture.planes[2].rows);
    CHECK_EQ(verdict(coded(segments)), "coefficients differ", "components swapped");
    std::swap(owned.picture.planes[1].rows, owned.picture.planes[2].rows);
    --owned.picture.height;  // of 120 rows: the blocks stay
    CHECK_EQ(verdict(coded(segments)), "coefficients differ", "height");
    ++owned.picture.height;
    JpegSegmentBytes turned{0xE1, bytes_of("Exif\0\0"sv)};
    append(turned.payload, exif_builder::Sample{.orientation = 1}.build());
    CHECK(!verdict(coded({turned})).empty());
    CHECK(!verdict(coded({})).empty());
    CHECK_EQ(verdict(coded(segments)), "");
    owned.picture.planes.pop_back();
    CHECK(!verdict(coded(segments)).empty(), "component dropped");
}

// One coefficient wrong by one, anywhere, is seen.
void test_digest_sees_any_change() {
    JpegPixels pixels = scene(64, 64, 1, 15);
    const Digest before = pictures::must(digest_jpeg(camera_jpeg(pixels, 100), Deadline()));
    for (const std::size_t at : {std::size_t{0}, std::size_t{2000}, pixels.samples.size() - 1}) {
        JpegPixels changed = pixels;
        changed.samples[at] = static_cast<std::uint8_t>(changed.samples[at] ^ 8);
        CHECK(pictures::must(digest_jpeg(camera_jpeg(changed, 100), Deadline())) != before,
              std::to_string(at));
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_same_pixels_smaller_file),
                                TEST(test_large_ones_become_progressive),
                                TEST(test_metadata_byte_for_byte),
                                TEST(test_rgb_file_stays_rgb),
                                TEST(test_truncated),
                                TEST(test_progressive_without_its_last_scan),
                                TEST(test_bit_flips),
                                TEST(test_limits),
                                TEST(test_verify_refuses),
                                TEST(test_verify_sees_each_mutation),
                                TEST(test_digest_sees_any_change)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
