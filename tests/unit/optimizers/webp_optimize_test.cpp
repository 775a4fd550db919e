// SPDX-License-Identifier: Apache-2.0
//
// optimize_webp() through the driver, so that every result here has been verified too; and what it leaves
// alone.
#include <webp/decode.h>

#include "optimizers/formats.hpp"
#include "webp_builder.hpp"

using namespace optimilter;
using namespace optimilter::webp_builder;

namespace {

Options lossy_options() {
    Options options;
    options.lossy = true;
    options.score_min = 9000;
    options.score_min_text = 9000;
    return options;
}

OptimizeResult run(ByteView input, const Options& options = {}, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    return optimize(input, {}, options, budget);
}

Bytes decoded(const Bytes& bytes) {
    int width = 0;
    int height = 0;
    std::uint8_t* const samples = WebPDecodeRGBA(bytes.data(), bytes.size(), &width, &height);
    CHECK(samples != nullptr);
    Bytes result(samples, samples + std::size_t{4} * kWidth * kHeight);
    WebPFree(samples);
    return result;
}

void check_second_pass(const OptimizeResult& result, const Options& options, std::string_view name) {
    CHECK_EQ(static_cast<int>(run(result.output, options).outcome), static_cast<int>(Outcome::kNotSmaller),
             name);
}

void test_lossless_stays_lossless_in_every_profile() {
    for (const Sample sample : {drawing, clear_drawing, photo})
        for (const Options& options : {Options(), lossy_options()}) {
            const Bytes input = file(sample, -1);
            const OptimizeResult result = run(input, options);
            CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
            CHECK(!result.score);
            CHECK(decoded(input) == decoded(result.output));
            CHECK(decoded(result.output) == rgba(sample));
            check_second_pass(result, options, "lossless");
        }
}

void test_metadata_stays() {
    for (const int quality : {-1, 100}) {
        const Bytes input = with_metadata(file(photo, quality));
        const OptimizeResult result = run(input, lossy_options());
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        const auto before = read_webp(input, 100);
        const auto after = read_webp(result.output, 100);
        CHECK_EQ(after->chunks.size(), before->chunks.size());
        for (std::size_t i = 0; i < before->chunks.size(); ++i) {
            CHECK_EQ(after->chunks[i].type.substr(0, 3), before->chunks[i].type.substr(0, 3));
            if (i == 2) continue;
            CHECK_EQ(as_text(after->chunks[i].whole), as_text(before->chunks[i].whole));
        }
    }
}

void test_lossy() {
    const Options options = lossy_options();
    int optimized = 0;
    for (const Sample sample : {photo, clear_drawing, drawing})
        for (const int quality : {30, 50, 60, 70, 75, 80, 85, 90, 95, 100}) {
            const Bytes input = file(sample, quality);
            CHECK(run(input).outcome == Outcome::kNotSmaller, "lossless profile");
            const OptimizeResult result = run(input, options);
            const bool refused =
                result.outcome == Outcome::kNotSmaller || result.outcome == Outcome::kNotApplicable;
            CHECK(result.outcome == Outcome::kOptimized || refused, result.reason);
            if (result.outcome != Outcome::kOptimized) continue;
            ++optimized;
            CHECK(quality > 82 && *result.score >= 0.9);
            check_second_pass(result, options, std::to_string(quality));
        }
    CHECK(optimized >= 2);
}

void test_animation() {
    const Bytes input = animation(
        {{file(drawing, -1), 70, 1, 0}, {file(photo, 90), 80, 2, 0}, {file(clear_drawing, -1), 90, 3, 0}});
    for (const Options& options : {Options(), lossy_options()}) {
        const OptimizeResult result = run(input, options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK(!result.score);
        const auto before = read_webp(input, 100);
        const auto after = read_webp(result.output, 100);
        CHECK_EQ(after->pictures.size(), 3u);
        for (std::size_t i : {2u, 3u, 4u})
            CHECK_EQ(as_text(after->chunks[i].body.first(16)), as_text(before->chunks[i].body.first(16)));
        CHECK_EQ(as_text(after->pictures[1].coded), as_text(before->pictures[1].coded));
        check_second_pass(result, options, "animation");
    }
}

void test_quantizers() {
    int last = 128;
    for (const int quality : {10, 40, 60, 75, 85, 95, 100}) {
        const auto parsed = read_webp(file(photo, quality), 100);
        const Bytes bytes = file(photo, quality);
        const auto again = read_webp(bytes, 100);
        const auto quantizer = finest_vp8_quantizer(again->pictures[0].bitstream);
        CHECK(parsed && quantizer && *quantizer < last, std::to_string(quality));
        last = *quantizer;
    }
    CHECK_EQ(last, 0);
    CHECK(!finest_vp8_quantizer(Bytes(5, 0)));
}

void test_left_alone() {
    const Bytes picture = file(drawing, -1);
    const Bytes lossy = file(photo, 95);
    Bytes odd_padding = riff({vp8x(0), coded(picture), chunk("abcd", as_bytes("abc"))});
    odd_padding.back() = 1;
    Bytes longer = picture;
    append(longer, as_bytes("and more"));
    Bytes short_riff = picture;
    short_riff[4] = static_cast<std::uint8_t>(short_riff[4] + 2);
    Bytes wrong_frame = animation({{picture, 1, 0, 0}});
    wrong_frame[12 + 18 + 14 + 8 + 6] ^= 1;
    struct Case {
        std::string_view name;
        Bytes input;
        Outcome want;
    };
    const Case cases[] = {
        {"signed", riff({vp8x(0), coded(picture), chunk("C2PA", as_bytes("jumb"))}), Outcome::kUntouchable},
        {"bytes after the end", longer, Outcome::kNotApplicable},
        {"simple file with a chunk", riff({coded(picture), chunk("EXIF", as_bytes("a"))}),
         Outcome::kNotApplicable},
        {"length beyond the file", short_riff, Outcome::kMalformed},
        {"padding", odd_padding, Outcome::kMalformed},
        {"two pictures", riff({vp8x(0), coded(picture), coded(picture)}), Outcome::kMalformed},
        {"no picture", riff({vp8x(0), chunk("ICCP", as_bytes("ab"))}), Outcome::kMalformed},
        {"frame without ANIM", riff({vp8x(2), frame_chunk({picture, 1, 0, 0})}), Outcome::kMalformed},
        {"still in an animation", riff({vp8x(2), coded(picture)}), Outcome::kMalformed},
        {"frame of another size", wrong_frame, Outcome::kMalformed},
        {"VP8X twice", riff({vp8x(0), vp8x(0), coded(picture)}), Outcome::kMalformed},
        {"alpha for nothing", riff({vp8x(0), chunk("ALPH", as_bytes("ab"))}), Outcome::kMalformed},
        {"alpha apart", riff({vp8x(16), chunk("ALPH", as_bytes("ab")), chunk("abcd", {}), coded(lossy)}),
         Outcome::kNotApplicable},
        {"no bitstream", riff({chunk("VP8L", as_bytes("nothing at all"))}), Outcome::kMalformed},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.input);
        CHECK_EQ(static_cast<int>(result.outcome), static_cast<int>(c.want),
                 std::string(c.name) + ": " + result.reason);
    }
}

void test_truncated_and_flipped() {
    const Bytes sound = animation({{file(drawing, -1), 70, 1, 0}, {file(photo, -1), 90, 3, 0}});
    for (std::size_t i = 0; i < 16; ++i)
        CHECK(run(ByteView(sound).first(sound.size() * i / 16)).outcome != Outcome::kOptimized,
              "cut at " + std::to_string(i));
    // The driver verifies; here nothing may crash.
    for (std::size_t bit = 3; bit < sound.size() * 8; bit += 1009) {
        Bytes flipped = sound;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        const OptimizeResult result = run(flipped);
        CHECK(result.outcome == Outcome::kOptimized || !result.reason.empty());
    }
}

void test_limits() {
    const Bytes input = animation({{file(drawing, -1), 70, 1, 0}, {file(photo, -1), 90, 3, 0}});
    Options pixels;
    pixels.max_pixels = 2 * kWidth * kHeight - 1;
    CHECK(run(input, pixels).outcome == Outcome::kOverBudget);
    Options entries;
    entries.max_entries = 4;
    CHECK(run(input, entries).outcome == Outcome::kOverBudget);
    CHECK(run(input, {}, Deadline::in_ms(0)).outcome == Outcome::kOverBudget);
    CHECK(run(file(photo, 100), lossy_options(), Deadline::in_ms(0)).outcome == Outcome::kOverBudget);
}

void test_heif_is_left_alone() {
    Bytes heic{0, 0, 0, 24};
    append(heic, as_bytes("ftypheic"));
    append(heic, Bytes(4, 0));
    append(heic, as_bytes("mif1heic"));
    Bytes avif{0, 0, 0, 24};
    append(avif, as_bytes("ftypavif"));
    append(avif, Bytes(4, 0));
    append(avif, as_bytes("mif1avif"));
    for (const Bytes& bytes : {heic, avif})
        for (const Options& options : {Options(), lossy_options()}) {
            const OptimizeResult result = run(bytes, options);
            CHECK(result.format == Format::kHeif && result.outcome == Outcome::kNotApplicable);
            CHECK(!result.reason.empty());
        }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(test_lossless_stays_lossless_in_every_profile),
        TEST(test_metadata_stays),
        TEST(test_lossy),
        TEST(test_animation),
        TEST(test_quantizers),
        TEST(test_left_alone),
        TEST(test_truncated_and_flipped),
        TEST(test_limits),
        TEST(test_heif_is_left_alone),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
