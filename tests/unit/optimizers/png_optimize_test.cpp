// SPDX-License-Identifier: Apache-2.0
//
// optimize_png() through the driver, so that every result here has been verified too; and what it leaves
// alone.
#include <algorithm>
#include <cmath>
#include <set>

#include "check.hpp"
#include "optimizers/exif.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/png_filter.hpp"
#include "optimizers/png_order.hpp"
#include "png_runs.hpp"

using namespace optimilter;
using namespace optimilter::png_builder;

namespace {

std::vector<Spec> every_layout() {
    std::vector<Spec> specs;
    const std::pair<PngColor, std::vector<int>> layouts[] = {{PngColor::kGray, {1, 2, 4, 8, 16}},
                                                             {PngColor::kRgb, {8, 16}},
                                                             {PngColor::kIndexed, {1, 2, 4, 8}},
                                                             {PngColor::kGrayAlpha, {8, 16}},
                                                             {PngColor::kRgba, {8, 16}}};
    const Sample samples[] = {
        screen,
        noise,
        [](unsigned, unsigned, unsigned) { return 0u; },
        [](unsigned x, unsigned y, unsigned) { return (x / 9 + y / 5) % 2 * 0xFFFFu; },
        [](unsigned x, unsigned y, unsigned c) { return c % 2 == 1 ? 0xFFFFu : (x * y % 256) * 257; },
        [](unsigned x, unsigned y, unsigned c) { return c == 3 ? 0xFFFFu : (x + y) * 0x0101u; },
    };
    for (const auto& [color, depths] : layouts)
        for (const int depth : depths)
            for (const bool interlaced : {false, true})
                for (const Sample& sample : samples)
                    specs.push_back({color, depth, interlaced, 61, 47, sample});
    return specs;
}

std::string name_of(const Spec& spec) {
    return "colour " + std::to_string(static_cast<int>(spec.color)) + " depth " + std::to_string(spec.depth) +
           (spec.interlaced ? " interlaced" : "");
}

// The driver verifies; here it must also never have found anything to refuse, and a second pass nothing to
// do.
void check_passes(const Options& options) {
    int optimized = 0;
    for (const Spec& spec : every_layout()) {
        const Bytes input = write(spec);
        const OptimizeResult result = run(input, options);
        const bool fine = result.outcome == Outcome::kOptimized || result.outcome == Outcome::kNotSmaller ||
                          (options.lossy && spec.depth == 16 && result.outcome == Outcome::kNotApplicable);
        CHECK(fine, name_of(spec) + ": " + result.reason);
        if (result.outcome != Outcome::kOptimized) continue;
        ++optimized;
        CHECK(result.output.size() < input.size(), name_of(spec));
        CHECK(run(result.output, options).outcome != Outcome::kOptimized, name_of(spec));
    }
    CHECK(optimized > 80);
}

void test_every_layout_lossless() {
    check_passes({});
}

void test_every_layout_lossy() {
    check_passes(lossy_options());
}

// ---- Which form is found.

void test_reductions() {
    const auto gray = [](unsigned x, unsigned y, unsigned) { return x * y % 251; };
    const auto gray_opaque = [](unsigned x, unsigned y, unsigned c) { return c == 3 ? 255 : x * y % 251; };
    const auto many = [](unsigned x, unsigned y, unsigned c) {
        return c == 3 ? 255 : c == 0 ? x * 3 : y * 5 + c;
    };
    const auto doubled = [](unsigned x, unsigned y, unsigned c) {
        return (c == 0 ? x : c == 1 ? y : 7) * 257;
    };
    struct Case {
        std::string_view name;
        PngColor color;
        int depth;
        Sample sample;
        PngColor want_color;
        int want_depth;
    };
    const Case cases[] = {
        {"RGB that is gray", PngColor::kRgb, 8, gray, PngColor::kGray, 8},
        {"RGBA that is gray and opaque", PngColor::kRgba, 8, gray_opaque, PngColor::kGray, 8},
        {"opaque RGBA", PngColor::kRgba, 8, many, PngColor::kRgb, 8},
        {"16 bits of two equal bytes", PngColor::kRgb, 16, doubled, PngColor::kRgb, 8},
        {"two colours", PngColor::kRgb, 8, [](unsigned x, unsigned, unsigned c) { return x / 40 * c * 100; },
         PngColor::kIndexed, 1},
        {"black and white", PngColor::kRgba, 8,
         [](unsigned x, unsigned, unsigned c) { return c == 3 ? 255 : x / 40 * 255; }, PngColor::kGray, 1},
        {"palette of 256, three used", PngColor::kIndexed, 8,
         [](unsigned x, unsigned, unsigned) { return x / 25; }, PngColor::kIndexed, 2},
        {"16 bits that differ", PngColor::kGray, 16,
         [](unsigned x, unsigned y, unsigned) { return x * 256 + y; }, PngColor::kGray, 16},
        {"opaque 16-bit alpha", PngColor::kRgba, 16,
         [](unsigned x, unsigned y, unsigned c) { return c == 3 ? 0xFFFF : x * 256 + y * c; }, PngColor::kRgb,
         16},
        {"16-bit RGB that is gray", PngColor::kRgb, 16,
         [](unsigned x, unsigned y, unsigned) { return x * 256 + y; }, PngColor::kGray, 16},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(write({c.color, c.depth, false, 80, 90, c.sample}));
        CHECK_EQ(static_cast<int>(result.outcome), 0, std::string(c.name) + ": " + result.reason);
        const auto png = read_png(result.output);
        CHECK_EQ(static_cast<int>(png->header.color), static_cast<int>(c.want_color), c.name);
        CHECK_EQ(int{png->header.bit_depth}, c.want_depth, c.name);
    }
}

void test_chunks_forbid_layouts() {
    const Bytes gray_rgb = write(
        {PngColor::kRgb, 8, false, 80, 90, [](unsigned x, unsigned y, unsigned) { return x * y % 251; }});
    struct Case {
        std::string_view name, type, body;
        std::set<PngColor> allowed;
    };
    const Case cases[] = {
        {"RGB profile", "iCCP", z("x\0\0profile", 10), {PngColor::kRgb, PngColor::kIndexed}},
        {"coloured background", "bKGD", z("\0\x01\0\x02\0\x03", 6), {PngColor::kRgb, PngColor::kIndexed}},
        {"gray background", "bKGD", z("\0\x01\0\x01\0\x01", 6), {PngColor::kGray, PngColor::kIndexed}},
        {"unequal significant bits", "sBIT", "\x05\x06\x05", {PngColor::kRgb, PngColor::kIndexed}},
        {"equal significant bits", "sBIT", "\x08\x08\x08", {PngColor::kGray, PngColor::kIndexed}},
        {"suggested palette", "PLTE", "abcdef", {PngColor::kRgb}},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(insert_before(gray_rgb, "IDAT", c.type, c.body));
        CHECK_EQ(static_cast<int>(result.outcome), 0, std::string(c.name) + ": " + result.reason);
        const auto png = read_png(result.output);
        CHECK(c.allowed.count(png->header.color) == 1, c.name);
        CHECK(c.type == "PLTE" ? !png->palette.empty() : png->find(c.type) != nullptr, c.name);
    }
}

void test_lossless_keeps_every_chunk() {
    Bytes input = write({PngColor::kRgba, 8, false, 61, 47, screen});
    const std::pair<std::string_view, std::string_view> chunks[] = {
        {"gAMA", "0000"},    {"pHYs", "000000000"}, {"tEXt", z("Title\0x", 7)},
        {"tIME", "0000000"}, {"sPLT", "odd"},       {"eXIf", z("MM\0*\0\0\0\x08", 8)},
        {"npTc", "nine"},
    };
    for (const auto& [type, body] : chunks) input = insert_before(input, "IDAT", type, body);
    input = insert_before(input, "IDAT", "iDOT", "offsets into IDAT");
    input = insert_before(input, "IEND", "tEXt", z("Comment\0late", 12));
    const OptimizeResult result = run(input);
    CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
    const auto png = read_png(result.output);
    for (const auto& [type, body] : chunks) CHECK_EQ(as_text(png->find(type)->body), body, type);
    CHECK(png->find("iDOT") == nullptr);
    CHECK_EQ(png->after.size(), 1u);
}

// ---- What stays as it is.

void test_left_alone() {
    const Bytes rgb = write({PngColor::kRgb, 8, false, 61, 47, screen});
    const Bytes indexed =
        write({PngColor::kIndexed, 4, false, 61, 47, [](unsigned, unsigned, unsigned) { return 15u; }});
    Bytes short_palette = indexed;
    const auto at = static_cast<std::ptrdiff_t>(find_chunk(indexed, "PLTE"));
    short_palette.erase(short_palette.begin() + at, short_palette.begin() + at + 12 + 48);
    short_palette = insert_before(short_palette, "IDAT", "PLTE", "123");
    Bytes trailing = rgb;
    trailing.push_back('x');
    Bytes long_data = insert_before(rgb, "IEND", "IDAT", "more");
    const Bytes bomb = with_header(rgb, z("\0\0\xFF\xFF\0\0\xFF\xFF\x08\x06\0\0\0", 13));
    const Bytes wide = with_header(rgb, z("\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF\x10\x06\0\0\0", 13));
    const Bytes memory_bomb = with_header(rgb, z("\0\0\x27\x10\0\0\x27\x10\x10\x06\0\0\0", 13));
    const Bytes taller = with_header(rgb, z("\0\0\0\x3D\0\0\x01\0\x08\x02\0\0\0", 13));
    struct Case {
        std::string_view name;
        Bytes file;
        Outcome want;
    };
    const Case cases[] = {
        {"data after IEND", trailing, Outcome::kNotApplicable},
        {"C2PA", insert_before(rgb, "IDAT", "caBX", "x"), Outcome::kUntouchable},
        {"index out of the palette", short_palette, Outcome::kMalformed},
        {"bytes after the zlib stream", long_data, Outcome::kMalformed},
        {"65535 x 65535", bomb, Outcome::kOverBudget},
        {"largest sizes", wide, Outcome::kOverBudget},
        {"too much memory", memory_bomb, Outcome::kOverBudget},
        {"fewer rows than said", taller, Outcome::kMalformed},
        {"unsafe chunk", insert_before(rgb, "IDAT", "abCD", ""), Outcome::kNotApplicable},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.file);
        CHECK_EQ(static_cast<int>(result.outcome), static_cast<int>(c.want),
                 std::string(c.name) + result.reason);
        CHECK(!result.reason.empty(), c.name);
    }
}

void test_animated_is_left_alone() {
    const Bytes rgb = write({PngColor::kRgb, 8, false, 61, 47, screen});
    Options options;
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, {}};
    const Bytes apng = insert_before(rgb, "IDAT", "acTL", "00000000");
    CHECK_EQ(static_cast<int>(optimize_png(apng, context).outcome),
             static_cast<int>(Outcome::kNotApplicable));
    CHECK(run(apng).outcome == Outcome::kNotApplicable);
}

void test_truncated_and_flipped() {
    for (const bool lossy : {false, true}) {
        const Options options = lossy ? lossy_options() : Options{};
        const Bytes input = write({PngColor::kRgba, 8, lossy, 61, 47, screen});
        for (std::size_t part = 0; part < 16; ++part) {
            const OptimizeResult result = run(ByteView(input).first(input.size() * part / 16), options);
            CHECK(result.outcome != Outcome::kOptimized);
        }
        for (std::size_t i = 0; i < input.size(); i += 7) {
            Bytes flipped = input;
            flipped[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
            CHECK(run(flipped, options).outcome != Outcome::kOptimized);
        }
    }
}

// With right CRCs the damage reaches the decoders.
void test_flipped_behind_the_crc() {
    const Bytes input = write({PngColor::kRgb, 8, false, 61, 47, screen});
    const std::size_t at = find_chunk(input, "IDAT");
    const std::size_t size = read_be32(input.data() + at);
    const Bytes whole = run(input).output;
    for (std::size_t i = 0; i < size; i += 3) {
        Bytes flipped = input;
        flipped[at + 8 + i] ^= static_cast<std::uint8_t>(1u << (i % 8));
        Bytes body(flipped.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                   flipped.begin() + static_cast<std::ptrdiff_t>(at + 8 + size));
        const Bytes fixed = chunk("IDAT", as_text(body));
        std::memcpy(flipped.data() + at, fixed.data(), fixed.size());
        // A bit that stands for nothing may be flipped: then the pixels are the same, and so is the result.
        const OptimizeResult result = run(flipped);
        CHECK(result.outcome != Outcome::kOptimized || result.output == whole);
    }
}

void test_deadline() {
    const Bytes input = write({PngColor::kRgb, 8, false, 61, 47, screen});
    Options options;
    Budget budget(Deadline::in_ms(-1), options);
    Context context{options, budget, 0, {}};
    CHECK_EQ(static_cast<int>(optimize_png(input, context).outcome), static_cast<int>(Outcome::kOverBudget));
    // 108 MB of samples by its header: not even begun when time is short, since a start cannot be undone.
    const Bytes huge = with_header(input, z("\0\0\x17\x70\0\0\x17\x70\x08\x02\0\0\0", 13));
    Budget short_budget(Deadline::in_ms(300), options);
    Context short_context{options, short_budget, 0, {}};
    CHECK_EQ(optimize_png(huge, short_context).reason, "no time left to decode");
    CHECK(run(huge).outcome == Outcome::kMalformed);
}

// ---- Effort.

// Each level searches among at least what the one below does, but for a rare bad guess from a sample: these
// pictures are small enough to be looked at whole.
void test_effort() {
    Spec spec = colourful();
    spec.compression = 0;
    const Bytes input = write(spec);
    std::vector<std::size_t> sizes;
    for (std::uint8_t effort = 0; effort <= kEffortMax; ++effort) {
        Options options;
        options.effort = effort;
        const OptimizeResult result = run(input, options);
        CHECK_EQ(static_cast<int>(result.outcome), static_cast<int>(Outcome::kOptimized), result.reason);
        CHECK(run(result.output, options).outcome != Outcome::kOptimized);
        sizes.push_back(result.output.size());
    }
    CHECK(sizes[3] < sizes[0]);
    CHECK(sizes[4] < sizes[3]);
}

// Colours that meet in the picture stand side by side, whatever order they came in.
void test_order_of_palette() {
    ColorSurvey survey;
    survey.colors = {10, 20, 30, 40, 50};
    survey.uses = {1, 9, 1, 1, 1};
    const std::vector<std::size_t> wanted = {1, 4, 0, 3, 2};
    for (std::size_t i = 0; i + 1 < wanted.size(); ++i)
        survey.follows[wanted[i] * 256 + wanted[i + 1]] = static_cast<std::uint32_t>(9 - i);
    const std::vector<std::size_t> places = places_by_neighbours(survey);
    CHECK_EQ(std::set<std::size_t>(places.begin(), places.end()).size(), std::size_t{5});
    for (std::size_t i = 0; i + 1 < wanted.size(); ++i) {
        const std::size_t a = places[wanted[i]];
        const std::size_t b = places[wanted[i + 1]];
        CHECK_EQ(std::max(a, b) - std::min(a, b), std::size_t{1});
    }
    CHECK(places_by_neighbours(ColorSurvey()).empty());
}

void test_filters_are_the_same_on_all_machines() {
    const PngLayout layouts[] = {{PngColor::kGray, 1, {}, {}},  {PngColor::kGray, 8, {}, {}},
                                 {PngColor::kGray, 16, {}, {}}, {PngColor::kRgb, 8, {}, {}},
                                 {PngColor::kRgba, 8, {}, {}},  {PngColor::kRgb, 16, {}, {}},
                                 {PngColor::kRgba, 16, {}, {}}};
    for (const PngLayout& layout : layouts) {
        for (const std::uint32_t width : {1u, 2u, 3u, 5u, 15u, 31u, 33u, 127u, 1031u}) {
            PngPicture picture{width, 7, layout, {}};
            picture.rows.resize(picture.row_bytes() * picture.height);
            for (std::size_t i = 0; i < picture.rows.size(); ++i)
                picture.rows[i] = static_cast<std::uint8_t>((i * 2654435761u) >> (13 + i % 3));
            for (int strategy = 0; strategy <= static_cast<int>(FilterStrategy::kBigrams); ++strategy) {
                const auto way = static_cast<FilterStrategy>(strategy);
                const Result<Bytes> best = filter_picture(picture, way, Deadline());
                const Result<Bytes> portable =
                    filter_picture(picture, way, Deadline(), FilterCode::kPortable);
                CHECK(*best == *portable, std::to_string(width) + " strategy " + std::to_string(strategy));
            }
        }
    }
}

void test_lossy_chunks() {
    Bytes input = write({PngColor::kRgb, 8, false, 61, 47, screen});
    input = insert_before(input, "IDAT", "tEXt", z("Comment\0gone", 12));
    input = insert_before(input, "IDAT", "tEXt", z("Copyright\0stays", 15));
    input = insert_before(input, "IDAT", "zTXt", z("Raw profile type exif\0\0packed", 29));
    input = insert_before(input, "IDAT", "tIME", "0000000");
    input = insert_before(input, "IDAT", "pHYs", "000000000");
    const std::string exif(as_text(exif_with_orientation(6)));
    input = insert_before(input, "IDAT", "eXIf", exif);
    for (const bool keep_gps : {true, false}) {
        Options options = lossy_options();
        options.keep_gps = keep_gps;
        const auto result = run(input, options);
        CHECK_EQ(static_cast<int>(result.outcome), 0, result.reason);
        const auto png = read_png(result.output);
        CHECK(png->find("tIME") == nullptr);
        CHECK(png->find("pHYs") != nullptr);
        CHECK_EQ(as_text(png->find("tEXt")->body), z("Copyright\0stays", 15));
        CHECK_EQ(int{exif_orientation(png->find("eXIf")->body).value_or(0)}, 6);
        // It may hold a position as well as an orientation.
        CHECK_EQ(png->find("zTXt") != nullptr, keep_gps);
    }
}

unsigned deep_colours(unsigned x, unsigned y, unsigned c) {
    return x * 700 + y * (c + 1) * 311 + c * 9000;
}
unsigned colours(unsigned x, unsigned y, unsigned c) {
    return x * 3 + y * (c + 1);
}
unsigned tiles(unsigned x, unsigned y, unsigned c) {
    return (x / 5 + y / 7) % 6 * 20 + c;
}
// 16 bits that are 8 bits twice; sample() has the same in both.
template <unsigned (*sample)(unsigned, unsigned, unsigned)>
unsigned twice(unsigned x, unsigned y, unsigned c) {
    return (sample(x, y, c) & 0xFF) * 257;
}

// Lossy profiles make them as small as can be without loss, and such that a second pass sees no reason for a
// palette.
void test_deep_pictures_in_lossy_profiles() {
    struct Case {
        std::string_view name;
        PngColor color;
        Sample sample;
        int want_depth;
    };
    const Case cases[] = {
        {"16 bits", PngColor::kRgb, deep_colours, 16},
        {"8 bits twice, many colours", PngColor::kRgb, twice<colours>, 16},
        {"8 bits twice, many colours and alpha", PngColor::kRgba, twice<colours>, 16},
        {"8 bits twice, gray", PngColor::kGray, twice<colours>, 8},
        {"8 bits twice, few colours", PngColor::kRgb, twice<tiles>, 8},
    };
    for (const Case& c : cases) {
        const Bytes input = write({c.color, 16, false, 61, 47, c.sample});
        const OptimizeResult result = run(input, lossy_options());
        CHECK_EQ(static_cast<int>(result.outcome), 0, std::string(c.name) + ": " + result.reason);
        CHECK(!result.score, c.name);
        const int depth = read_png(result.output)->header.bit_depth;
        CHECK(c.want_depth == 16 ? depth == 16 : depth <= 8, std::string(c.name) + std::to_string(depth));
        const OptimizeResult again = run(result.output, lossy_options());
        CHECK_EQ(static_cast<int>(again.outcome), static_cast<int>(Outcome::kNotSmaller), c.name);
    }
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(test_every_layout_lossless),
                                TEST(test_every_layout_lossy),
                                TEST(test_reductions),
                                TEST(test_chunks_forbid_layouts),
                                TEST(test_lossless_keeps_every_chunk),
                                TEST(test_left_alone),
                                TEST(test_animated_is_left_alone),
                                TEST(test_truncated_and_flipped),
                                TEST(test_flipped_behind_the_crc),
                                TEST(test_deadline),
                                TEST(test_filters_are_the_same_on_all_machines),
                                TEST(test_order_of_palette),
                                TEST(test_effort),
                                TEST(test_lossy_chunks),
                                TEST(test_deep_pictures_in_lossy_profiles)};
    return cmocka_run_group_tests_name("png_optimize", tests, nullptr, nullptr);
}
