// SPDX-License-Identifier: Apache-2.0
//
// Palettes that the PNG optimizer makes in lossy profiles: when, of how many colours, and when not.
#include <algorithm>
#include <cmath>
#include <set>

#include "check.hpp"
#include "png_runs.hpp"

using namespace optimilter;
using namespace optimilter::png_builder;

namespace {

void test_palette_is_made() {
    for (const PngColor color : {PngColor::kRgb, PngColor::kRgba}) {
        Options options = lossy_options();
        options.score_min = 8000;
        options.score_min_text = 8000;
        options.png_quality_min = 0;
        const OptimizeResult result = run(write(colourful(color)), options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK(result.score.has_value());
        CHECK(*result.score >= 0.8);
        CHECK(read_png(result.output)->header.color == PngColor::kIndexed);
        CHECK(run(result.output, options).outcome != Outcome::kOptimized);
    }
}

// Nearly all of the picture is a carpet of many colours; a small corner has shades of its own. The first
// palette is made for the carpet, the next one sees the corner.
void test_places_that_came_out_worst_get_colours() {
    const auto grain = [](std::uint32_t x, std::uint32_t y, std::uint32_t c) {
        std::uint32_t v = x * 374761393u + y * 668265263u + c * 2246822519u;
        v = (v ^ (v >> 13)) * 1274126177u;
        return 60 + ((v ^ (v >> 16)) & 63);
    };
    const Spec spec{PngColor::kRgb, 8, false, 256, 256, [&](unsigned x, unsigned y, unsigned c) {
                        if (x >= 32 || y >= 32) return grain(x, y, c);
                        return 90 + (c == 2 ? x * 3 : y * 2);
                    }};
    Options options = lossy_options();
    options.score_min = 9575;
    options.effort = 1;
    CHECK(!run(write(spec), options).score.has_value());
    options.effort = kEffortDefault;
    const OptimizeResult result = run(write(spec), options);
    CHECK(result.score.has_value(), result.reason);
    CHECK(run(result.output, options).outcome != Outcome::kOptimized);
}

// A soft edge of two hundred shades of alpha looks the same with fewer, which is worth half of the bytes.
// What comes of it is not looked at again.
void test_palette_of_few_colours() {
    for (const PngColor color : {PngColor::kGrayAlpha, PngColor::kRgba}) {
        const Spec spec{color, 8, false, 300, 300, [color](unsigned x, unsigned y, unsigned c) {
                            if (c + 1 != channel_count(color)) return 20u;
                            const double far =
                                std::hypot(x - 150.0, y - 140.0) + 6 * std::sin(x * 0.3) * std::sin(y * 0.2);
                            return static_cast<unsigned>(std::clamp(255 - (far - 60) * 4, 0.0, 255.0));
                        }};
        const OptimizeResult result = run(write(spec), lossy_options());
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK(result.score.has_value());
        const PngFile file = *read_png(result.output);
        CHECK(file.header.color == PngColor::kIndexed);
        CHECK(file.layout().palette.size() < 100);
        CHECK(run(result.output, lossy_options()).outcome != Outcome::kOptimized);
    }
}

// Readers refuse a gray profile in a file with a palette, so there is no form for the palette that is made.
void test_gray_profile_forbids_the_made_palette() {
    const Spec spec{PngColor::kGrayAlpha, 8, false, 300, 300, [](unsigned x, unsigned y, unsigned c) {
                        return c == 0 ? (x * 3 + y) / 5 : y < 40 ? 0u : 255 - x % 200;
                    }};
    const Bytes plain = insert_before(write(spec), "IDAT", "iCCP", z("gray\0\0x", 7));
    const Bytes with_background = insert_before(plain, "IDAT", "bKGD", z("\0\xFF", 2));
    for (const Bytes& input : {plain, with_background}) {
        const Options options = lossy_options();
        const OptimizeResult result = run(input, options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK(is_gray(read_png(result.output)->header.color));
        CHECK(run(result.output, options).outcome != Outcome::kOptimized);
    }
}

// A folder with soft edges and a slow change of blue, as desktops draw them.
unsigned soft_icon(unsigned x, unsigned y, unsigned c) {
    const double edge = std::max(std::abs(x - 128.0), std::abs(y - 128.0)) - 100;
    const bool back = y < 70 && x > 110;
    if (c == 3) return back ? 0u : static_cast<unsigned>(std::clamp(128 - edge * 64, 0.0, 255.0));
    const double shade = (x + 2.0 * y) / 768;
    const double low[] = {120, 170, 240};
    const double high[] = {190, 220, 225};
    return static_cast<unsigned>(low[c] + (high[c] - low[c]) * shade);
}

// A soft picture that deflates well: a palette that just reaches a low bound makes it larger by its dots,
// one of all the colours there are makes it smaller. A lower bound must not cost the file its gain.
void test_lower_bound_keeps_the_gain() {
    const Spec spec{PngColor::kRgba, 8, false, 256, 256, soft_icon, 9};
    std::size_t before = 0;
    for (const std::uint16_t score_min : {std::uint16_t{9600}, std::uint16_t{9300}, std::uint16_t{9000}}) {
        Options options = lossy_options();
        options.score_min = options.score_min_text = score_min;
        options.png_quality_min = 65;
        const OptimizeResult result = run(write(spec), options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        CHECK(result.score.has_value(), std::to_string(score_min));
        CHECK(before == 0 || result.output.size() <= before + before / 20, std::to_string(score_min));
        before = result.output.size();
    }
}

// A disc of one shade before another, both slow: small without loss, and few colours make many dots.
unsigned disc_before_sky(unsigned x, unsigned y, unsigned c) {
    const double sky[] = {40 + x * 0.09375, 60 + y * 0.140625, 120 + (x + y) * 0.046875};
    const double disc[] = {255, 200, 90};
    const double distance = std::hypot(x - 128.0, y - 76.8) / 64;
    const double inside = std::clamp((1 - distance) * 64, 0.0, 1.0);
    return static_cast<unsigned>(sky[c] * (1 - inside) + disc[c] * (1 - 0.2 * distance) * inside);
}

// Few colours beat this file but hardly what it is without loss, all colours beat both: the first pass must
// try these too, or a second one will.
void test_second_pass_finds_no_palette() {
    const OptimizeResult first =
        run(write({PngColor::kRgb, 8, false, 256, 256, disc_before_sky, 1}), lossy_options());
    CHECK_EQ(static_cast<int>(first.outcome), 0, first.reason);
    const OptimizeResult second = run(first.output, lossy_options());
    CHECK_EQ(static_cast<int>(second.outcome), static_cast<int>(Outcome::kNotSmaller),
             std::to_string(first.output.size()) + " to " + std::to_string(second.output.size()));
}

void test_palette_is_refused() {
    struct Case {
        std::string_view name;
        std::uint16_t score_min;
        std::uint8_t quality_min;
        bool quantize;
    };
    constexpr Case kCases[] = {
        {"quality floor", 0, 100, true}, {"score", 10000, 0, true}, {"switched off", 0, 0, false}};
    for (const Case& c : kCases) {
        Options options = lossy_options();
        options.score_min = c.score_min;
        options.png_quality_min = c.quality_min;
        options.png_quantize = c.quantize;
        Spec spec = colourful();
        spec.compression = 0;
        const OptimizeResult result = run(write(spec), options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, c.name);
        CHECK(!result.score.has_value(), c.name);
    }
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(test_palette_is_made),
                                TEST(test_places_that_came_out_worst_get_colours),
                                TEST(test_palette_of_few_colours),
                                TEST(test_gray_profile_forbids_the_made_palette),
                                TEST(test_lower_bound_keeps_the_gain),
                                TEST(test_second_pass_finds_no_palette),
                                TEST(test_palette_is_refused)};
    return cmocka_run_group_tests_name("png_palette", tests, nullptr, nullptr);
}
