// SPDX-License-Identifier: Apache-2.0
//
// verify_png() alone: results that lie must not pass, and what passes means the same to an independent
// decoder.
#include "check.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/png_decode.hpp"
#include "optimizers/png_filter.hpp"
#include "png_builder.hpp"

// Its headers come last and unwarned: they do not pass our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <Magick++.h>
#pragma GCC diagnostic pop

#include "optimizers/deflate.hpp"

using namespace optimilter;
using namespace optimilter::png_builder;

namespace {

std::string verify(ByteView input, const Bytes& output, std::optional<double> score = {},
                   Options options = {}) {
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, {}};
    return verify_png(input, {Outcome::kOptimized, {}, output, score, {}}, context);
}

unsigned one_sample_off(unsigned x, unsigned y, unsigned c) {
    return screen(x, y, c) ^ (x == 60 && y == 46 && c == 3 ? 1u : 0u);
}

void test_lies_are_found() {
    const Bytes input =
        insert_before(write({PngColor::kRgba, 8, false, 61, 47, screen}), "IDAT", "pHYs", "000000000");
    const auto with_phys = [](Bytes png) {
        return insert_before(std::move(png), "IDAT", "pHYs", "000000000");
    };
    Bytes cut = input;
    cut.pop_back();
    struct Case {
        std::string_view name;
        Bytes output;
    };
    const Case cases[] = {
        {"empty", {}},
        {"cut", cut},
        {"one alpha bit of the last pixel",
         with_phys(write({PngColor::kRgba, 8, false, 61, 47, one_sample_off}))},
        {"alpha gone", with_phys(write({PngColor::kRgb, 8, false, 61, 47, screen}))},
        {"wider", with_phys(write({PngColor::kRgba, 8, false, 62, 47, screen}))},
        {"chunk lost", write({PngColor::kRgba, 8, false, 61, 47, screen})},
        {"chunk changed",
         insert_before(write({PngColor::kRgba, 8, false, 61, 47, screen}), "IDAT", "pHYs", "111111111")},
        {"chunk added", insert_before(input, "IDAT", "tIME", "0000000")},
        {"moved after IDAT",
         insert_before(write({PngColor::kRgba, 8, false, 61, 47, screen}), "IEND", "tEXt", z("a\0", 2))},
        {"background added", insert_before(input, "IDAT", "bKGD", "000000")},
        {"interlaced", with_phys(write({PngColor::kRgba, 8, true, 61, 47, screen}))},
    };
    CHECK_EQ(verify(input, input), "");
    for (const Case& c : cases) CHECK(!verify(input, c.output).empty(), c.name);
}

void test_loss_is_measured() {
    const Bytes input = write({PngColor::kRgb, 8, false, 61, 47, screen});
    const Bytes other = write({PngColor::kRgb, 8, false, 61, 47, noise});
    Options lossy;
    lossy.lossy = true;
    CHECK(!verify(input, input, 1.0).empty());
    CHECK_EQ(verify(input, input, 1.0, lossy), "");
    CHECK(!verify(input, input, 0.99, lossy).empty());
    CHECK(!verify(input, other, 0.99, lossy).empty());
    const Bytes clear = write({PngColor::kRgba, 8, false, 61, 47, [](unsigned x, unsigned y, unsigned c) {
                                   return c == 3 ? 0u : screen(x, y, c);
                               }});
    CHECK(!verify(input, clear, 1.0, lossy).empty());
}

void test_every_filter_decodes() {
    for (const PngColor color : {PngColor::kGray, PngColor::kRgb, PngColor::kRgba}) {
        const Bytes input = write({color, 8, false, 61, 47, screen});
        const auto file = read_png(input);
        const auto picture = decode_png(*file, Deadline());
        for (int strategy = 0; strategy <= static_cast<int>(FilterStrategy::kBigrams); ++strategy) {
            const auto scanlines =
                filter_picture(*picture, static_cast<FilterStrategy>(strategy), Deadline());
            Bytes output;
            append_png_start(output, 61, 47, picture->layout);
            append_chunk(output, "IDAT", deflate_zlib(*scanlines, 1).value());
            append_chunk(output, "IEND", {});
            CHECK_EQ(verify(input, output), "", "strategy " + std::to_string(strategy));
        }
    }
}

// ---- ImageMagick as the second opinion.

std::vector<std::uint16_t> magick_pixels(const Bytes& png) {
    Magick::Image image(Magick::Blob(png.data(), png.size()));
    std::vector<std::uint16_t> pixels(image.columns() * image.rows() * 4);
    image.write(0, 0, image.columns(), image.rows(), "RGBA", Magick::ShortPixel, pixels.data());
    return pixels;
}

void test_imagemagick_sees_the_same() {
    const Sample samples[] = {
        screen, noise, [](unsigned x, unsigned y, unsigned) { return (x / 9 + y / 5) % 2 * 0xFFFFu; },
        [](unsigned x, unsigned y, unsigned c) { return c % 2 == 1 ? 0xFFFFu : x * y * 257; }};
    const std::pair<PngColor, int> layouts[] = {
        {PngColor::kGray, 1},    {PngColor::kGray, 2},      {PngColor::kGray, 4},
        {PngColor::kGray, 8},    {PngColor::kGray, 16},     {PngColor::kRgb, 8},
        {PngColor::kRgb, 16},    {PngColor::kIndexed, 1},   {PngColor::kIndexed, 4},
        {PngColor::kIndexed, 8}, {PngColor::kGrayAlpha, 8}, {PngColor::kGrayAlpha, 16},
        {PngColor::kRgba, 8},    {PngColor::kRgba, 16}};
    const Options options;
    int compared = 0;
    for (const auto& [color, depth] : layouts) {
        for (const Sample& sample : samples) {
            const Bytes input = write({color, depth, depth == 8, 61, 47, sample});
            Budget budget(Deadline(), options);
            const OptimizeResult result = optimize(input, {}, options, budget);
            if (result.outcome != Outcome::kOptimized) continue;
            CHECK(magick_pixels(input) == magick_pixels(result.output), "depth " + std::to_string(depth));
            ++compared;
        }
    }
    CHECK(compared > 30);
}

}  // namespace

int main(int, char** argv) {
    Magick::InitializeMagick(argv[0]);
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(test_lies_are_found), TEST(test_loss_is_measured),
                                TEST(test_every_filter_decodes), TEST(test_imagemagick_sees_the_same)};
    return cmocka_run_group_tests_name("png_verify", tests, nullptr, nullptr);
}
