// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_shrink.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "check.hpp"

namespace optimilter {
namespace {

template <typename Sample>
std::vector<Sample> noise(PictureSize size, unsigned channels) {
    std::vector<Sample> samples(std::size_t{size.width} * size.height * channels);
    std::uint32_t state = 5;
    for (Sample& sample : samples) {
        state = state * 1664525u + 1013904223u;
        sample = static_cast<Sample>(state >> 9);
    }
    return samples;
}

template <typename Sample>
std::vector<Sample> shrunk(const std::vector<Sample>& samples, PictureSize from, unsigned channels,
                           PictureSize to, ShrinkColors colors = ShrinkColors::kKept,
                           ShrinkCode code = ShrinkCode::kBest) {
    PictureShrinker<Sample> shrinker(from, channels, to, colors, code);
    for (std::uint32_t y = 0; y < from.height; ++y)
        shrinker.add_row(samples.data() + std::size_t{y} * from.width * channels);
    return shrinker.take();
}

double lanczos(double x) {
    if (x == 0) return 1;
    if (std::abs(x) >= 3) return 0;
    const double turn = std::numbers::pi * x;
    return 3 * std::sin(turn) * std::sin(turn / 3) / (turn * turn);
}

// Sample `at` of `to` made from `from` samples that get(i) gives, as the textbook says.
template <typename Get>
double filtered(std::uint32_t from, std::uint32_t to, std::uint32_t at, Get get) {
    const double scale = static_cast<double>(from) / to;
    double sum = 0;
    double weights = 0;
    for (std::uint32_t i = 0; i < from; ++i) {
        const double weight = lanczos((i + 0.5 - (at + 0.5) * scale) / std::max(1.0, scale));
        sum += weight * get(i);
        weights += weight;
    }
    return sum / weights;
}

constexpr PictureSize kShapes[][2] = {{{61, 47}, {60, 20}}, {{61, 47}, {7, 5}},   {{40, 9}, {40, 3}},
                                      {{9, 40}, {3, 40}},   {{100, 1}, {13, 1}},  {{1, 100}, {1, 13}},
                                      {{33, 33}, {1, 1}},   {{200, 300}, {2, 3}}, {{8, 8}, {8, 8}}};

std::string name_of(const PictureSize (&shape)[2]) {
    return std::to_string(shape[0].width) + "x" + std::to_string(shape[0].height) + " to " +
           std::to_string(shape[1].width) + "x" + std::to_string(shape[1].height);
}

template <typename Sample>
void check_against_the_textbook() {
    for (const auto& shape : kShapes) {
        const auto [from, to] = shape;
        for (const unsigned channels : {1u, 3u, 4u}) {
            const std::vector<Sample> source = noise<Sample>(from, channels);
            const std::vector<Sample> seen = shrunk(source, from, channels, to);
            CHECK_EQ(seen.size(), std::size_t{to.width} * to.height * channels, name_of(shape));
            for (const auto& [x, y] :
                 {std::pair{0u, 0u}, {to.width - 1, to.height - 1}, {to.width / 2, 0u}}) {
                const unsigned c = channels - 1;
                const std::uint32_t column = x;
                const double wanted =
                    filtered(from.height, to.height, y, [&, from = from, to = to](auto row) {
                        return filtered(from.width, to.width, column, [&](std::uint32_t i) {
                            return static_cast<double>(
                                source[(std::size_t{row} * from.width + i) * channels + c]);
                        });
                    });
                const double top = std::numeric_limits<Sample>::max();
                const double got = seen[(std::size_t{y} * to.width + x) * channels + c];
                CHECK(std::abs(got - std::clamp(wanted, 0.0, top)) <= 0.6, name_of(shape));
            }
        }
    }
}

void test_as_the_textbook_says() {
    check_against_the_textbook<std::uint8_t>();
    check_against_the_textbook<std::uint16_t>();
}

void test_flat_stays_flat() {
    for (const auto& shape : kShapes) {
        for (const int value : {0, 1, 77, 255}) {
            const std::vector<std::uint8_t> flat(std::size_t{shape[0].width} * shape[0].height * 3,
                                                 static_cast<std::uint8_t>(value));
            for (const std::uint8_t sample : shrunk(flat, shape[0], 3, shape[1]))
                CHECK_EQ(int{sample}, value, name_of(shape));
        }
    }
}

void test_the_same_on_all_machines() {
    for (const auto& shape : kShapes) {
        const std::vector<std::uint8_t> source = noise<std::uint8_t>(shape[0], 3);
        for (const ShrinkColors colors : {ShrinkColors::kKept, ShrinkColors::kRgbToYCbCr})
            CHECK(shrunk(source, shape[0], 3, shape[1], colors) ==
                      shrunk(source, shape[0], 3, shape[1], colors, ShrinkCode::kPortable),
                  name_of(shape));
    }
}

void test_rgb_becomes_ycbcr() {
    struct Case {
        std::vector<std::uint8_t> rgb;
        int y, cb, cr;
    };
    const Case kCases[] = {{{255, 255, 255}, 255, 128, 128}, {{0, 0, 0}, 0, 128, 128},
                           {{255, 0, 0}, 76, 85, 255},       {{0, 255, 0}, 150, 44, 21},
                           {{0, 0, 255}, 29, 255, 107},      {{100, 150, 200}, 141, 161, 99}};
    for (const Case& c : kCases) {
        std::vector<std::uint8_t> samples;
        for (int i = 0; i < 20 * 10; ++i) samples.insert(samples.end(), c.rgb.begin(), c.rgb.end());
        const std::vector<std::uint8_t> seen =
            shrunk(samples, {20, 10}, 3, {7, 4}, ShrinkColors::kRgbToYCbCr);
        for (std::size_t i = 0; i < seen.size(); i += 3) {
            CHECK_EQ(int{seen[i]}, c.y);
            CHECK_EQ(int{seen[i + 1]}, c.cb);
            CHECK_EQ(int{seen[i + 2]}, c.cr);
        }
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_as_the_textbook_says), TEST(test_flat_stays_flat),
                                TEST(test_the_same_on_all_machines), TEST(test_rgb_becomes_ycbcr)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
