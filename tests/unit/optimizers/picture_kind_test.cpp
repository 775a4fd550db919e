// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_kind.hpp"

#include <string>
#include <string_view>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kWidth = 320;
constexpr std::size_t kHeight = 240;

using Shade = std::uint8_t (*)(std::size_t x, std::size_t y);

std::uint8_t noise(std::size_t x, std::size_t y) {
    const auto seed = static_cast<std::uint32_t>(x * 73856093u ^ y * 19349663u);
    return static_cast<std::uint8_t>((seed * 2654435761u) >> 24);
}

bool in_a_stroke(std::size_t x, std::size_t y) {
    return y % 16 < 10 && x % 24 < 20 && (x % 6 == 0 || y % 16 == (x / 6) % 5 * 2);
}

// Dark strokes in rows, a margin around them.
std::uint8_t page(std::size_t x, std::size_t y) {
    const bool margin = x < 60 || x > 260 || y < 40 || y > 200;
    return !margin && in_a_stroke(x, y) ? 20 : 245;
}
std::uint8_t dark_screen(std::size_t x, std::size_t y) {
    return static_cast<std::uint8_t>(255 - page(x, y));
}
// As JPEG leaves it: a little unrest everywhere.
std::uint8_t scanned_page(std::size_t x, std::size_t y) {
    return static_cast<std::uint8_t>(page(x, y) + noise(x, y) % 9 - 4);
}
std::uint8_t sky(std::size_t x, std::size_t y) {
    return static_cast<std::uint8_t>(120 + (x + 2 * y) / 10);
}
std::uint8_t meadow(std::size_t x, std::size_t y) {
    return static_cast<std::uint8_t>(60 + noise(x / 2, y / 2) / 2);
}
std::uint8_t landscape(std::size_t x, std::size_t y) {
    return y < 140 ? sky(x, y) : meadow(x, y);
}
std::uint8_t plain(std::size_t, std::size_t) {
    return 200;
}

Bytes drawn(Shade shade, std::size_t channels, ScoreColors colors) {
    Bytes samples;
    for (std::size_t y = 0; y < kHeight; ++y)
        for (std::size_t x = 0; x < kWidth; ++x)
            for (std::size_t c = 0; c < channels; ++c)
                samples.push_back(c > 0 && colors == ScoreColors::kYCbCr ? std::uint8_t{128} : shade(x, y));
    return samples;
}

constexpr struct {
    std::string_view name;
    Shade shade;
    bool want_text;
} kCases[] = {
    {"page", page, true},         {"dark screen", dark_screen, true}, {"scanned page", scanned_page, true},
    {"sky", sky, false},          {"meadow", meadow, false},          {"landscape", landscape, false},
    {"one colour", plain, false},
};

void test_kinds() {
    for (const auto& c : kCases) {
        for (const ScoreColors colors : {ScoreColors::kRgb, ScoreColors::kYCbCr}) {
            for (const std::size_t channels : {std::size_t{1}, std::size_t{3}}) {
                const Bytes samples = drawn(c.shade, channels, colors);
                const double likeness = text_likeness({samples.data(), kWidth, kHeight, channels}, colors);
                CHECK_EQ(likeness >= kTextFrom, c.want_text, std::string(c.name) + std::to_string(likeness));
            }
        }
    }
}

void test_bounds() {
    Options options;
    options.score_min = 9300;
    options.score_min_text = 9600;
    const Bytes text = drawn(page, 1, ScoreColors::kRgb);
    const Bytes photo = drawn(landscape, 1, ScoreColors::kRgb);
    const auto bound = [&](const Bytes& samples, double leeway = 0) {
        return lowest_score(options, {samples.data(), kWidth, kHeight, 1}, ScoreColors::kRgb, leeway);
    };
    CHECK_EQ(bound(text), 0.96);
    CHECK_EQ(bound(photo), 0.93);
    CHECK_EQ(bound(text, kSecondLookLeeway), 0.96);
    CHECK_EQ(bound(text, 100), 0.93);
    // Never laxer for text than for the rest.
    options.score_min = 9700;
    CHECK_EQ(bound(text), 0.97);
}

void test_smaller_than_a_block() {
    const Bytes samples(7 * 7, 1);
    CHECK_EQ(text_likeness({samples.data(), 7, 7, 1}, ScoreColors::kRgb), 0.0);
    CHECK_EQ(text_likeness({nullptr, 0, 0, 3}, ScoreColors::kRgb), 0.0);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_kinds), TEST(test_bounds), TEST(test_smaller_than_a_block)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
