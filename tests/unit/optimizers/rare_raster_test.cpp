// SPDX-License-Identifier: Apache-2.0
//
// Rare rasters made into PNG, through the driver: ImageMagick's reading, compared with our own readers. What
// stays as it is, and lies that verify_raster() must find.
#include "optimizers/rare_raster.hpp"

#include <functional>

#include "check.hpp"
#include "optimizers/formats.hpp"

using namespace optimilter;

namespace {

constexpr unsigned kWidth = 61;
constexpr unsigned kHeight = 47;

unsigned sample(unsigned x, unsigned y, unsigned c) {
    return (x / 6 * 20 + y / 9 * 3 + c * 40) & 0xFF;
}

void le(Bytes& to, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void be(Bytes& to, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void pad(Bytes& to, std::size_t size) {
    to.resize(size);
}

struct BmpSpec {
    unsigned bits = 24;
    bool top_down = false;
    unsigned header = 40;
    unsigned fourth = 0;
    std::string_view profile = {};
};

Bytes bmp(const BmpSpec& spec) {
    const unsigned entries = spec.bits <= 8 ? 1u << spec.bits : 0;
    const unsigned entry = spec.header == 12 ? 3 : 4;
    const unsigned stride = (kWidth * spec.bits + 31) / 32 * 4;
    Bytes to = {'B', 'M'};
    le(to, 0, 8);
    le(to, 14 + spec.header + entries * entry, 4);
    le(to, spec.header, 4);
    if (spec.header == 12) {
        le(to, kWidth, 2);
        le(to, kHeight, 2);
        le(to, 1, 2);
        le(to, spec.bits, 2);
    } else {
        le(to, kWidth, 4);
        le(to, spec.top_down ? 0u - kHeight : kHeight, 4);
        le(to, 1, 2);
        le(to, spec.bits, 2);
        le(to, 0, 8);
        le(to, 2834, 4);
        le(to, 2835, 4);
        pad(to, 14 + spec.header);
        if (spec.header >= 108) write_le32(&to[14 + 56], spec.profile.empty() ? 0x73524742 : 0x4D424544);
    }
    for (unsigned i = 0; i < entries; ++i) le(to, i * 0x050301u, static_cast<int>(entry));
    for (unsigned row = 0; row < kHeight; ++row) {
        const unsigned y = spec.top_down ? row : kHeight - 1 - row;
        Bytes line(stride);
        for (unsigned x = 0; x < kWidth; ++x) {
            if (spec.bits <= 8) {
                const unsigned per = 8 / spec.bits;
                const unsigned v = sample(x, y, 0) & ((1u << spec.bits) - 1);
                line[x / per] =
                    static_cast<std::uint8_t>(line[x / per] | v << ((per - 1 - x % per) * spec.bits));
            }
            for (unsigned c = 0; spec.bits > 8 && c < spec.bits / 8; ++c)
                line[x * spec.bits / 8 + c] =
                    static_cast<std::uint8_t>(c == 3 ? spec.fourth : sample(x, y, 2 - c));
        }
        append(to, line);
    }
    if (!spec.profile.empty()) {
        write_le32(&to[14 + 112], static_cast<std::uint32_t>(to.size() - 14));
        write_le32(&to[14 + 116], static_cast<std::uint32_t>(spec.profile.size()));
        append(to, as_bytes(spec.profile));
    }
    write_le32(&to[2], static_cast<std::uint32_t>(to.size()));
    return to;
}

Bytes tga(unsigned type, unsigned bits, unsigned descriptor = 0, unsigned fourth = 255) {
    Bytes to = {0, 0, static_cast<std::uint8_t>(type)};
    pad(to, 12);
    le(to, kWidth, 2);
    le(to, kHeight, 2);
    le(to, bits, 1);
    le(to, descriptor, 1);
    for (unsigned row = 0; row < kHeight; ++row) {
        const unsigned y = (descriptor & 0x20) != 0 ? row : kHeight - 1 - row;
        for (unsigned x = 0; x < kWidth; ++x) {
            // One packet a pixel, now a run and now not.
            if (type >= 9) le(to, x % 2 == 0 ? 0x80 : 0, 1);
            for (unsigned c = 0; c < bits / 8; ++c)
                le(to, c == 3 ? fourth : sample(x, y, bits == 8 ? 0 : 2 - c), 1);
        }
    }
    return to;
}

Bytes with_tga_footer(Bytes to, unsigned extension) {
    le(to, extension, 4);
    le(to, 0, 4);
    append(to, as_bytes(std::string_view("TRUEVISION-XFILE.\0", 18)));
    return to;
}

Bytes pcx(unsigned planes) {
    Bytes to = {10, 5, 1, 8, 0, 0, 0, 0};
    le(to, kWidth - 1, 2);
    le(to, kHeight - 1, 2);
    pad(to, 65);
    le(to, planes, 1);
    le(to, kWidth + 1, 2);
    le(to, 1, 2);
    pad(to, 128);
    for (unsigned y = 0; y < kHeight; ++y)
        for (unsigned c = 0; c < planes; ++c)
            for (unsigned x = 0; x <= kWidth; ++x) {
                const unsigned v = x == kWidth ? 0 : sample(x, y, c);
                if (v >= 0xC0) le(to, 0xC1, 1);
                le(to, v, 1);
            }
    if (planes > 1) return to;
    le(to, 12, 1);
    for (unsigned i = 0; i < 256; ++i) be(to, (i * 0x050301u) & 0xFFFFFF, 3);
    return to;
}

Bytes sgi(unsigned planes, bool runs) {
    Bytes to = {1, 0xDA, runs, 1};
    be(to, planes == 1 ? 2 : 3, 2);
    be(to, kWidth, 2);
    be(to, kHeight, 2);
    be(to, planes, 2);
    be(to, 0, 4);
    be(to, 255, 4);
    pad(to, 512);
    const unsigned rows = planes * kHeight;
    for (unsigned i = 0; runs && i < rows; ++i) be(to, 512 + 8 * rows + i * (kWidth + 2), 4);
    for (unsigned i = 0; runs && i < rows; ++i) be(to, kWidth + 2, 4);
    for (unsigned c = 0; c < planes; ++c)
        for (unsigned row = 0; row < kHeight; ++row) {
            if (runs) le(to, 0x80 | kWidth, 1);
            for (unsigned x = 0; x < kWidth; ++x) le(to, sample(x, kHeight - 1 - row, c), 1);
            if (runs) le(to, 0, 1);
        }
    return to;
}

Bytes pnm(std::string_view header, unsigned channels) {
    Bytes to;
    append(to, as_bytes(header));
    for (unsigned y = 0; y < kHeight; ++y)
        for (unsigned x = 0; x < kWidth; ++x)
            for (unsigned c = 0; c < channels; ++c) le(to, sample(x, y, c), 1);
    return to;
}

Bytes sun(unsigned bits, unsigned type, bool map) {
    Bytes to = {0x59, 0xA6, 0x6A, 0x95};
    for (const unsigned v : {kWidth, kHeight, bits, (kWidth * bits / 8 + 1) / 2 * 2 * kHeight, type,
                             map ? 1u : 0u, map ? 768u : 0u})
        be(to, v, 4);
    for (unsigned i = 0; map && i < 768; ++i) le(to, i * 7, 1);
    for (unsigned y = 0; y < kHeight; ++y) {
        for (unsigned x = 0; x < kWidth; ++x)
            for (unsigned c = 0; c < bits / 8; ++c)
                le(to, sample(x, y, bits == 8 ? 0 : type == 1 ? 2 - c : c), 1);
        for (unsigned i = 0; i < kWidth * bits / 8 % 2; ++i) le(to, 0, 1);
    }
    return to;
}

struct Sample {
    std::string_view name;
    Format format;
    Bytes bytes;
};

std::vector<Sample> samples() {
    return {
        {"bmp 1", Format::kBmp, bmp({1})},
        {"bmp 4", Format::kBmp, bmp({4})},
        {"bmp 8", Format::kBmp, bmp({8})},
        {"bmp 8, OS/2", Format::kBmp, bmp({8, false, 12})},
        {"bmp 24", Format::kBmp, bmp({24})},
        {"bmp 24, top down", Format::kBmp, bmp({24, true})},
        {"bmp 24, V5", Format::kBmp, bmp({24, false, 124})},
        {"bmp 24, profile", Format::kBmp, bmp({24, false, 124, 0, "not a profile, but kept"})},
        {"bmp 32, reserved 0", Format::kBmp, bmp({32})},
        {"tga 24", Format::kTga, tga(2, 24)},
        {"tga 24, top down", Format::kTga, with_tga_footer(tga(2, 24, 0x20), 0)},
        {"tga 24, runs", Format::kTga, tga(10, 24)},
        {"tga gray", Format::kTga, tga(3, 8)},
        {"tga gray, runs", Format::kTga, tga(11, 8, 0x20)},
        {"pcx 8", Format::kPcx, pcx(1)},
        {"pcx 24", Format::kPcx, pcx(3)},
        {"sgi gray", Format::kSgi, sgi(1, false)},
        {"sgi rgb", Format::kSgi, sgi(3, false)},
        {"sgi rgb, runs", Format::kSgi, sgi(3, true)},
        {"pgm", Format::kPnm, pnm("P5\n61 47\n255\n", 1)},
        {"ppm", Format::kPnm, pnm("P6 61 47 255\n", 3)},
        {"sun 8", Format::kSunRaster, sun(8, 1, true)},
        {"sun 24", Format::kSunRaster, sun(24, 1, false)},
        {"sun 24, rgb", Format::kSunRaster, sun(24, 3, false)},
    };
}

Options converting() {
    Options options;
    options.convert_formats = ~0u;
    return options;
}

OptimizeResult run(const Bytes& input, const Options& options = converting()) {
    Budget budget(Deadline(), options);
    return optimize(input, {"image/x-tga", "a.tga"}, options, budget);
}

void test_every_kind_becomes_png() {
    for (const Sample& s : samples()) {
        const OptimizeResult result = run(s.bytes);
        CHECK_EQ(result.format, s.format, s.name);
        CHECK_EQ(result.reason, "", s.name);
        CHECK_EQ(result.output_format, Format::kPng, s.name);
        CHECK(!result.score && result.output.size() < s.bytes.size(), s.name);
        CHECK_EQ(sniff(result.output), Format::kPng, s.name);
        CHECK_EQ(run(result.output).outcome, Outcome::kNotSmaller, s.name);
    }
}

// In a lossy profile the PNG optimizer has its say at once: a second pass finds nothing to do.
void test_lossy_profiles_make_palettes() {
    Options options = converting();
    options.lossy = true;
    options.score_min = options.score_min_text = 8000;
    options.png_quality_min = 0;
    std::string header = "P6\n300 200\n255\n";
    Bytes soft(header.begin(), header.end());
    std::uint32_t noise = 1;
    for (unsigned y = 0; y < 200; ++y) {
        for (unsigned x = 0; x < 300; ++x) {
            for (const unsigned v : {x * 200 / 300 + 20, y + 30, (x + y) / 3}) {
                noise = noise * 1664525 + 1013904223;
                soft.push_back(static_cast<std::uint8_t>(v + (noise >> 29)));
            }
        }
    }
    const OptimizeResult result = run(soft, options);
    CHECK_EQ(result.reason, "");
    CHECK(result.score && *result.score >= 0.8 && *result.score < 1);
    CHECK(result.output.size() < run(soft).output.size() / 10 * 9);
    CHECK(run(result.output, options).outcome != Outcome::kOptimized);
    const auto verdict = [&](const Bytes& output, std::optional<double> score, const Options& by) {
        Budget budget(Deadline(), by);
        Context context{by, budget, 0, {}};
        Attempt attempt{Outcome::kOptimized, {}, output, score, {}};
        attempt.converted_to = Format::kPng;
        return find_optimizer(Format::kPnm)->verify(soft, attempt, context);
    };
    CHECK_EQ(verdict(result.output, result.score, options), "");
    CHECK_EQ(verdict(result.output, {}, options), "pixels differ");
    CHECK_EQ(verdict(result.output, *result.score + 0.01, options), "score is not the measured one");
    Bytes other = soft;
    for (std::size_t i = header.size(); i < header.size() + 30'000; ++i) other[i] = 0;
    CHECK_EQ(verdict(run(other, options).output, result.score, options), "looks too different");
    Options strict = options;
    strict.score_min = strict.score_min_text = 9990;
    CHECK_EQ(verdict(result.output, result.score, strict), "looks too different");
}

void test_only_when_asked_for() {
    for (const Sample& s : samples()) {
        CHECK_EQ(run(s.bytes, {}).outcome, Outcome::kNotApplicable, s.name);
        const Optimizer* const row = find_optimizer(s.format);
        const Options options = converting();
        Budget budget(Deadline(), options);
        Context inside{options, budget, 1, {}};
        CHECK_EQ(row->optimize(s.bytes, inside).outcome, Outcome::kNotApplicable, s.name);
    }
}

Bytes patched(Bytes bytes, std::size_t at, unsigned value) {
    bytes[at] = static_cast<std::uint8_t>(value);
    return bytes;
}
Bytes longer(Bytes bytes, std::size_t by) {
    bytes.resize(bytes.size() + by, 'x');
    return bytes;
}
Bytes cut(Bytes bytes, std::size_t by) {
    bytes.resize(bytes.size() - by);
    return bytes;
}

void test_left_alone() {
    struct Case {
        std::string_view name;
        Bytes bytes;
        Outcome outcome;
    };
    const Case cases[] = {
        {"bmp cut", cut(bmp({24}), 1), Outcome::kMalformed},
        {"bmp with more behind", longer(bmp({24}), 20), Outcome::kNotApplicable},
        {"bmp of 16 bits", patched(bmp({24}), 28, 16), Outcome::kNotApplicable},
        {"bmp of 5 bits", patched(bmp({24}), 28, 5), Outcome::kMalformed},
        {"bmp with runs", patched(bmp({8}), 30, 1), Outcome::kNotApplicable},
        {"bmp of huge width", patched(bmp({24}), 20, 255), Outcome::kMalformed},
        {"bmp of huge height", patched(bmp({24}), 25, 0x7F), Outcome::kMalformed},
        {"bmp with a gap", patched(bmp({24}), 10, 54 + 9), Outcome::kNotApplicable},
        {"bmp of 32 bits, perhaps alpha", bmp({32, false, 40, 7}), Outcome::kNotApplicable},
        {"bmp, index beyond the palette", patched(bmp({8}), 46, 2), Outcome::kNotApplicable},
        {"bmp, calibrated", patched(bmp({24, false, 108}), 14 + 56, 1), Outcome::kNotApplicable},
        {"tga with extension area", with_tga_footer(tga(2, 24), 50), Outcome::kNotApplicable},
        {"tga with alpha", tga(2, 32, 8, 100), Outcome::kNotApplicable},
        {"tga, right to left", tga(2, 24, 0x10), Outcome::kNotApplicable},
        {"tga with a name", patched(tga(2, 24), 0, 4), Outcome::kNotApplicable},
        {"tga with runs, cut", cut(tga(10, 24), 3), Outcome::kMalformed},
        {"pcx of version 3", patched(pcx(1), 1, 3), Outcome::kNotApplicable},
        {"pcx of wide rows", patched(pcx(3), 67, 200), Outcome::kMalformed},
        {"pcx cut", cut(pcx(3), 40), Outcome::kMalformed},
        {"pcx without palette", cut(pcx(1), 9), Outcome::kNotApplicable},
        {"sgi of 16 bits", patched(sgi(3, false), 3, 2), Outcome::kNotApplicable},
        {"sgi with a name", patched(sgi(3, false), 24, 'a'), Outcome::kNotApplicable},
        {"sgi cut", cut(sgi(3, false), 1), Outcome::kMalformed},
        {"sgi, row beyond the end", patched(sgi(3, true), 512, 1), Outcome::kMalformed},
        {"ppm with a comment", pnm("P6\n# c\n61 47\n255\n", 3), Outcome::kNotApplicable},
        {"ppm of 16 bits", pnm("P6\n61 47\n65535\n", 6), Outcome::kNotApplicable},
        {"two ppm", longer(pnm("P6\n61 47\n255\n", 3), 100), Outcome::kNotApplicable},
        {"ppm cut", cut(pnm("P6\n61 47\n255\n", 3), 1), Outcome::kMalformed},
        {"sun with runs", patched(sun(24, 1, false), 23, 2), Outcome::kNotApplicable},
        {"sun cut", cut(sun(24, 1, false), 10), Outcome::kMalformed},
    };
    for (const Case& c : cases) {
        const OptimizeResult result = run(c.bytes);
        CHECK(result.outcome == c.outcome ||
                  (c.outcome == Outcome::kNotApplicable && result.outcome == Outcome::kMalformed),
              std::string(c.name) + ": " + std::string(outcome_name(result.outcome)) + " " + result.reason);
        CHECK(result.output.empty() && !result.reason.empty(), c.name);
    }
}

void test_bounds() {
    Options few = converting();
    few.max_pixels = kWidth * kHeight - 1;
    CHECK_EQ(run(bmp({24}), few).outcome, Outcome::kOverBudget);
    const Options options = converting();
    Budget late(Deadline::in_ms(-1), options);
    CHECK_EQ(optimize(bmp({24}), {}, options, late).outcome, Outcome::kOverBudget);
}

std::string verify(const Bytes& input, Bytes output, Format to = Format::kPng) {
    const Options options = converting();
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, {}};
    Attempt attempt{Outcome::kOptimized, {}, std::move(output), {}, {}};
    attempt.converted_to = to;
    return find_optimizer(sniff(input))->verify(input, attempt, context);
}

void test_lies_are_found() {
    const Bytes input = bmp({24, false, 124, 0, "profile"});
    const Bytes good = run(input).output;
    const auto png_of = [](const Bytes& other) { return run(other).output; };
    CHECK_EQ(verify(input, good), "");
    CHECK(!verify(input, good, Format::kUnknown).empty(), "not said to be PNG");
    CHECK(!verify(input, {}).empty(), "empty");
    CHECK(!verify(input, cut(good, 1)).empty(), "cut");
    CHECK_EQ(verify(input, png_of(bmp({24, false, 124}))), "colour profile lost or added", "profile lost");
    CHECK_EQ(verify(input, png_of(bmp({24, false, 124, 0, "profilf"}))), "colour profile differs", "profile");
    CHECK_EQ(verify(input, png_of(patched(input, 14 + 124 + 500, 3))), "pixels differ", "a sample");
    CHECK_EQ(verify(input, png_of(patched(input, 38, 1))), "resolution differs", "resolution");
    CHECK_EQ(verify(input, png_of(bmp({24, true, 124, 0, "profile"}))), "", "same, stored top down");
    CHECK(!verify(input, png_of(pnm("P6\n61 47\n255\n", 3))).empty(), "metadata gone");
    Bytes wide = pnm("P6\n47 61\n255\n", 3);
    CHECK_EQ(verify(pnm("P6\n61 47\n255\n", 3), png_of(wide)), "picture size differs", "turned");
}

}  // namespace

int main() {
    initialize_optimizers();
    const CMUnitTest tests[] = {TEST(test_every_kind_becomes_png),
                                TEST(test_lossy_profiles_make_palettes),
                                TEST(test_only_when_asked_for),
                                TEST(test_left_alone),
                                TEST(test_bounds),
                                TEST(test_lies_are_found)};
    return cmocka_run_group_tests_name("rare_raster", tests, nullptr, nullptr);
}
