// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_score.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::uint32_t kWidth = 97;  // no multiple of a window
constexpr std::uint32_t kHeight = 61;

Bytes picture(std::uint32_t channels) {
    Bytes samples;
    for (std::uint32_t y = 0; y < kHeight; ++y)
        for (std::uint32_t x = 0; x < kWidth; ++x)
            for (std::uint32_t c = 0; c < channels; ++c)
                samples.push_back(
                    static_cast<std::uint8_t>(60 + (x * 7 + y * 3 + c * 11 + (x / 9) * (y / 7)) % 120));
    return samples;
}

Bytes with_noise(Bytes samples, int amplitude) {
    std::uint32_t state = 7;
    for (std::uint8_t& sample : samples) {
        state = state * 1664525u + 1013904223u;
        const int shift =
            static_cast<int>((state >> 16) % static_cast<unsigned>(2 * amplitude + 1)) - amplitude;
        sample = static_cast<std::uint8_t>(std::clamp(sample + shift, 0, 255));
    }
    return samples;
}

double score(const Bytes& a, const Bytes& b, std::uint32_t channels, ScoreColors colors = ScoreColors::kRgb,
             ScoreChroma chroma = ScoreChroma::kHalfSize) {
    return picture_score(a, b, kWidth, kHeight, channels, colors, chroma);
}

void test_identical_is_one() {
    for (const std::uint32_t channels : {1u, 3u})
        CHECK_EQ(score(picture(channels), picture(channels), channels), 1.0);
}

void test_symmetric() {
    const Bytes a = picture(3);
    const Bytes b = with_noise(a, 9);
    CHECK_EQ(score(a, b, 3), score(b, a, 3));
}

void test_more_noise_scores_lower() {
    for (const std::uint32_t channels : {1u, 3u}) {
        const Bytes original = picture(channels);
        double last = 1.0;
        for (const int amplitude : {1, 3, 8, 20, 60}) {
            const double now = score(original, with_noise(original, amplitude), channels);
            CHECK(now < last, std::to_string(amplitude));
            last = now;
        }
        CHECK(last < 0.85);
    }
}

void test_chroma_alone_counts() {
    // YCbCr with luma untouched: a check of luma alone would say 1.0.
    const Bytes original = picture(3);
    Bytes shifted = original;
    for (std::size_t i = 2; i < shifted.size(); i += 3)
        shifted[i] = static_cast<std::uint8_t>(255 - shifted[i]);
    CHECK(score(original, shifted, 3, ScoreColors::kYCbCr) < 0.85);
    Bytes gone = original;
    for (std::size_t i = 1; i < gone.size(); i += 3) gone[i] = 128;
    CHECK(score(original, gone, 3, ScoreColors::kYCbCr) < 0.97);
}

void test_fine_chroma_counts_only_at_full_size() {
    // Columns of alternating Cb whose mean is constant: gone at half size, plain at full size.
    constexpr std::uint32_t kSide = 64;
    Bytes striped(std::size_t{kSide} * kSide * 3, 128);
    for (std::size_t i = 0; i < striped.size() / 3; ++i)
        striped[3 * i + 1] = i % 2 != 0 ? std::uint8_t{168} : std::uint8_t{88};
    const Bytes flat(striped.size(), 128);
    const auto score_at = [&](ScoreChroma chroma) {
        return picture_score(striped, flat, kSide, kSide, 3, ScoreColors::kYCbCr, chroma);
    };
    CHECK_EQ(score_at(ScoreChroma::kHalfSize), 1.0);
    CHECK(score_at(ScoreChroma::kFullSize) < 0.98);
}

// A photo-like plane: smooth shades, so that nothing hides damage.
Bytes shades(std::uint32_t width, std::uint32_t height) {
    Bytes samples;
    for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t x = 0; x < width; ++x)
            samples.push_back(static_cast<std::uint8_t>(40 + (x * 3 + y * 5) / 40 % 160));
    return samples;
}

void ruin(Bytes& samples, std::uint32_t width, std::uint32_t left, std::uint32_t top, std::uint32_t side) {
    for (std::uint32_t y = top; y < top + side; ++y)
        for (std::uint32_t x = left; x < left + side; ++x)
            samples[std::size_t{y} * width + x] = (x + y) % 2 != 0 ? std::uint8_t{255} : std::uint8_t{0};
}

// Wherever the damage is, first and last rows and the seams of bands and tiles included.
void test_local_damage_is_not_averaged_away() {
    constexpr std::uint32_t kSide = 600;
    constexpr std::pair<std::uint32_t, std::uint32_t> kPlaces[] = {
        {0, 0}, {584, 584}, {584, 0}, {0, 584}, {250, 250}, {24, 248}, {300, 264}};
    const Bytes original = shades(kSide, kSide);
    for (const auto& [left, top] : kPlaces) {
        Bytes damaged = original;
        ruin(damaged, kSide, left, top, 16);
        const PictureComparison seen = compare_pictures(original, damaged, kSide, kSide, 1);
        const std::string place = std::to_string(left) + "," + std::to_string(top);
        CHECK(seen.score < 0.8, place);
        CHECK(seen.worst_x + 32 > left && seen.worst_x < left + 16, place);
        CHECK(seen.worst_y + 32 > top && seen.worst_y < top + 16, place);
        CHECK(seen.worst_distance >= seen.distance, place);
        const std::size_t columns = (kSide + kScoreTileSide - 1) / kScoreTileSide;
        CHECK_EQ(seen.tiles.size(), columns * columns, place);
        CHECK_EQ(seen.tiles[seen.worst_y / kScoreTileSide * columns + seen.worst_x / kScoreTileSide],
                 static_cast<float>(seen.worst_distance), place);
    }
}

// One ruined tile of many thousand, and a damage that no single tile shows.
void test_large_pictures() {
    constexpr std::uint32_t kSide = 2500;
    const Bytes original = shades(kSide, kSide);
    Bytes damaged = original;
    ruin(damaged, kSide, 1111, 1300, 24);
    CHECK(picture_score(original, damaged, kSide, kSide, 1) < 0.85);
    CHECK(picture_score(original, with_noise(original, 12), kSide, kSide, 1) < 0.95);
    CHECK_EQ(picture_score(original, original, kSide, kSide, 1), 1.0);
}

// What hides in a busy place shows in a plain one.
void test_busy_places_hide_errors() {
    constexpr std::uint32_t kSide = 256;
    const Bytes plain(std::size_t{kSide} * kSide, 128);
    const Bytes busy = with_noise(plain, 60);
    const double shown = picture_score(plain, with_noise(plain, 6), kSide, kSide, 1);
    CHECK(shown < picture_score(busy, with_noise(busy, 6), kSide, kSide, 1));
}

void test_channels_of_the_worst_tile() {
    const Bytes original = picture(3);
    for (std::size_t channel = 0; channel < 3; ++channel) {
        Bytes changed = original;
        for (std::size_t i = channel; i < changed.size(); i += 3)
            changed[i] = static_cast<std::uint8_t>(changed[i] ^ 32);
        const PictureComparison seen =
            compare_pictures(original, changed, kWidth, kHeight, 3, ScoreColors::kYCbCr);
        for (std::size_t other = 0; other < 3; ++other)
            CHECK_EQ(seen.worst_channels[other] > 0, other == channel, std::to_string(channel));
    }
}

void test_scores_and_distances() {
    CHECK_EQ(score_of_distance(0), 1.0);
    CHECK_EQ(score_of_distance(40), 0.5);
    for (const double distance : {0.5, 2.0, 3.0, 20.0})
        CHECK(std::abs(distance_of_score(score_of_distance(distance)) - distance) < 1e-9);
}

void test_tiny_pictures() {
    for (const std::uint32_t side : {1u, 2u, 3u, 7u, 8u, 9u}) {
        const Bytes a(std::size_t{side} * side * 3, 100);
        const Bytes b(std::size_t{side} * side * 3, 200);
        CHECK_EQ(picture_score(a, a, side, side, 3), 1.0, std::to_string(side));
        CHECK(picture_score(a, b, side, side, 3) < 0.6, std::to_string(side));
    }
}

void test_wrong_sizes_score_nothing() {
    const Bytes a = picture(3);
    CHECK_EQ(picture_score(a, ByteView(a).first(a.size() - 1), kWidth, kHeight, 3), 0.0);
    CHECK_EQ(picture_score(a, a, kWidth + 1, kHeight, 3), 0.0);
    CHECK_EQ(picture_score(a, a, 0, 0, 3), 0.0);
    CHECK_EQ(picture_score({}, {}, 0, 0, 3), 0.0);
    const Bytes four(std::size_t{4} * kWidth * kHeight, 1);
    CHECK_EQ(picture_score(four, four, kWidth, kHeight, 4), 0.0);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_identical_is_one),
                                TEST(test_symmetric),
                                TEST(test_more_noise_scores_lower),
                                TEST(test_chroma_alone_counts),
                                TEST(test_fine_chroma_counts_only_at_full_size),
                                TEST(test_local_damage_is_not_averaged_away),
                                TEST(test_large_pictures),
                                TEST(test_busy_places_hide_errors),
                                TEST(test_channels_of_the_worst_tile),
                                TEST(test_scores_and_distances),
                                TEST(test_tiny_pictures),
                                TEST(test_wrong_sizes_score_nothing)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
