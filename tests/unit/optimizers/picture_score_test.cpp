// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_score.hpp"

#include <algorithm>
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
        CHECK(last < 0.8);
    }
}

void test_chroma_alone_counts() {
    // YCbCr with luma untouched: a check of luma alone would say 1.0.
    const Bytes original = picture(3);
    Bytes shifted = original;
    for (std::size_t i = 2; i < shifted.size(); i += 3)
        shifted[i] = static_cast<std::uint8_t>(255 - shifted[i]);
    CHECK(score(original, shifted, 3, ScoreColors::kYCbCr) < 0.5);
    Bytes gone = original;
    for (std::size_t i = 1; i < gone.size(); i += 3) gone[i] = 128;
    CHECK(score(original, gone, 3, ScoreColors::kYCbCr) < 0.9);
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
    CHECK(score_at(ScoreChroma::kFullSize) < 0.2);
}

void test_tiny_pictures() {
    for (const std::uint32_t side : {1u, 2u, 3u, 7u, 8u, 9u}) {
        const Bytes a(std::size_t{side} * side * 3, 100);
        const Bytes b(std::size_t{side} * side * 3, 200);
        CHECK_EQ(picture_score(a, a, side, side, 3), 1.0, std::to_string(side));
        CHECK(picture_score(a, b, side, side, 3) < 0.9, std::to_string(side));
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
                                TEST(test_tiny_pictures),
                                TEST(test_wrong_sizes_score_nothing)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
