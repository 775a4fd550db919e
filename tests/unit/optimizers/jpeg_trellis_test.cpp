// SPDX-License-Identifier: Apache-2.0
//
// Tables of a quality, DCT, quantisation, and the encoder made of them.
#include "optimizers/jpeg_trellis.hpp"

#include "coefficient_picture.hpp"
#include "jpeg_pictures.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {
namespace {

using pictures::must;
using pictures::Random;
using pictures::scene;

void test_quality_of_own_and_libjpegs_tables() {
    for (int quality = 1; quality <= 100; ++quality) {
        for (const JpegBaseTable base : {JpegBaseTable::kAnnexKLuma, JpegBaseTable::kOwnLuma}) {
            for (const std::uint16_t largest : {std::uint16_t{255}, std::uint16_t{32767}}) {
                const JpegQuantTable table = jpeg_quality_table(quality, base, largest);
                const int nearest = nearest_jpeg_quality(table);
                // At the ends several qualities have the same table.
                const bool same = jpeg_quality_table(nearest, base, largest) == table ||
                                  jpeg_quality_table(nearest, JpegBaseTable::kAnnexKLuma, largest) == table;
                CHECK(nearest == quality || same, std::to_string(quality));
                if (quality >= 10 && quality <= 95) CHECK_EQ(nearest, quality);
            }
        }
    }
    CHECK_EQ(jpeg_quality_table(0, JpegBaseTable::kOwnLuma)[0],
             jpeg_quality_table(1, JpegBaseTable::kOwnLuma)[0]);
    CHECK_EQ(jpeg_quality_table(200, JpegBaseTable::kOwnChroma)[63], 1);
}

void test_own_tables_grow_with_the_frequency() {
    for (const auto& [base, first] :
         {std::pair{JpegBaseTable::kOwnLuma, 15.0}, {JpegBaseTable::kOwnChroma, 19.0}}) {
        const JpegQuantTable table = jpeg_quality_table(50, base);
        for (std::size_t v = 0; v < 8; ++v) {
            for (std::size_t u = 0; u < 8; ++u) {
                const double square = static_cast<double>(u * u + v * v) + 0.72 * static_cast<double>(u * v);
                CHECK_EQ(table[v * 8 + u], std::lround(first * std::exp(0.2 * std::sqrt(square))));
            }
        }
    }
}

// Against the definition of T.81 A.3.3.
void test_dct_is_the_dct() {
    Random random(4);
    for (int round = 0; round < 20; ++round) {
        std::array<std::uint8_t, 8 * 11> samples{};
        for (std::uint8_t& sample : samples)
            sample = static_cast<std::uint8_t>(round == 0 ? 255 : round == 1 ? 0 : random.within(0, 255));
        JpegDctBlock got{};
        jpeg_forward_dct(samples.data(), 11, got);
        for (std::size_t v = 0; v < 8; ++v) {
            for (std::size_t u = 0; u < 8; ++u) {
                double sum = 0;
                for (std::size_t y = 0; y < 8; ++y) {
                    for (std::size_t x = 0; x < 8; ++x)
                        sum += (samples[y * 11 + x] - 128) *
                               std::cos(static_cast<double>((2 * x + 1) * u) * M_PI / 16) *
                               std::cos(static_cast<double>((2 * y + 1) * v) * M_PI / 16);
                }
                const double want = sum / 4 * (u == 0 ? M_SQRT1_2 : 1) * (v == 0 ? M_SQRT1_2 : 1);
                CHECK(std::abs(got[v * 8 + u] - want) < 0.01, std::to_string(want));
            }
        }
    }
}

void test_planes_repeat_their_edge() {
    for (const auto& [width, height] : {std::pair{1u, 1u}, {9u, 17u}, {16u, 8u}, {15u, 15u}}) {
        const JpegPixels pixels = scene(width, height, 3, 10);
        for (const auto& [across, down] : {std::pair{1u, 1u}, {2u, 1u}, {2u, 2u}}) {
            const JpegSamplePlane plane = jpeg_sample_plane(pixels, 1, across, down);
            CHECK_EQ(plane.width_in_blocks, ((width + across - 1) / across + 7) / 8);
            CHECK_EQ(plane.height_in_blocks, ((height + down - 1) / down + 7) / 8);
            for (std::size_t y = 0; y < plane.height_in_blocks * 8u; ++y) {
                for (std::size_t x = 0; x < plane.stride(); ++x) {
                    int sum = 0;
                    for (std::size_t dy = 0; dy < down; ++dy) {
                        for (std::size_t dx = 0; dx < across; ++dx) {
                            const std::size_t at_x = std::min<std::size_t>(x * across + dx, width - 1);
                            const std::size_t at_y = std::min<std::size_t>(y * down + dy, height - 1);
                            sum += pixels.samples[(at_y * width + at_x) * 3 + 1];
                        }
                    }
                    const int got = plane.samples[y * plane.stride() + x];
                    const int parts = static_cast<int>(across * down);
                    // Beyond the picture, whole averaged samples are repeated.
                    const bool beyond = x * across >= width || y * down >= height;
                    if (!beyond) CHECK(std::abs(got * parts - sum) < parts);
                    if (beyond && y * down < height)
                        CHECK_EQ(got, plane.samples[y * plane.stride() + (width + across - 1) / across - 1]);
                }
            }
        }
    }
}

JpegDctBlock noise(Random& random, int amplitude) {
    JpegDctBlock block;
    for (float& value : block) value = static_cast<float>(random.within(-amplitude, amplitude));
    return block;
}

void test_trellis_only_lowers_magnitudes() {
    const JpegQuantTable steps = jpeg_quality_table(80, JpegBaseTable::kOwnLuma);
    Random random(6);
    JpegQuantizer quantizer(steps);
    for (int i = 0; i < 300; ++i) quantizer.add_sample(noise(random, 30));
    quantizer.learn();
    int dropped = 0;
    for (int i = 0; i < 600; ++i) {
        const JpegDctBlock block = noise(random, i % 3 == 0 ? 4000 : 30);
        std::array<std::int16_t, 64> rounded{};
        std::array<std::int16_t, 64> weighed{};
        quantizer.round(block, rounded.data());
        quantizer.quantize(block, weighed.data());
        CHECK_EQ(rounded[0], weighed[0]);
        for (std::size_t k = 1; k < 64; ++k) {
            CHECK(std::abs(weighed[k]) <= std::abs(rounded[k]));
            CHECK(std::abs(weighed[k]) <= 1023);
            CHECK(weighed[k] == 0 || (weighed[k] < 0) == (block[k] < 0));
            // At most one step less, unless it is given up.
            CHECK(weighed[k] == 0 || std::abs(rounded[k]) - std::abs(weighed[k]) <= 1);
            dropped += weighed[k] != rounded[k];
        }
    }
    CHECK(dropped > 0);
}

void test_an_empty_block_stays_empty() {
    JpegQuantizer quantizer(jpeg_quality_table(80, JpegBaseTable::kOwnLuma));
    quantizer.learn();  // from nothing at all
    JpegDctBlock block{};
    std::array<std::int16_t, 64> to{};
    quantizer.quantize(block, to.data());
    for (const std::int16_t value : to) CHECK_EQ(value, 0);
    block[63] = 5000;
    quantizer.quantize(block, to.data());
    CHECK(to[63] > 0);
}

// Every sampling and odd size, at the ends of the scale: libjpeg reads what we wrote, and it looks like it.
void test_encoder_and_libjpeg_agree() {
    for (const std::uint32_t channels : {1u, 3u}) {
        for (const ChromaSampling sampling :
             {ChromaSampling::k444, ChromaSampling::k422, ChromaSampling::k420}) {
            for (const auto& [width, height] : {std::pair{1u, 1u}, {17u, 33u}, {200u, 100u}}) {
                const JpegPixels pixels = scene(width, height, channels, 2);
                for (const int quality : {1, 50, 90, 100}) {
                    const Bytes file = must(
                        JpegEncoder(1u << 22, Deadline(), quality != 100).encode(pixels, quality, sampling));
                    JpegDecoder decoder(file, Deadline());
                    CHECK(decoder.read_header());
                    const JpegPixels seen =
                        must(decoder.read_pixels(channels == 1 ? JpegColors::kGray : JpegColors::kYCbCr));
                    CHECK_EQ(seen.samples.size(), pixels.samples.size());
                    double error = 0;
                    for (std::size_t i = 0; i < seen.samples.size(); i += channels)
                        error += std::abs(int{seen.samples[i]} - int{pixels.samples[i]});
                    error /= static_cast<double>(width) * height;
                    CHECK(error < (quality == 100 ? 1.5 : quality == 90 ? 5 : 60), std::to_string(error));
                }
            }
        }
    }
}

void test_limits() {
    const JpegPixels pixels = scene(300, 200, 3, 20);
    const Result<Bytes> small = JpegEncoder(1000, Deadline()).encode(pixels, 90, ChromaSampling::k420);
    CHECK(!small && small.error().code == ErrorCode::kRefused);
    const Result<Bytes> late =
        JpegEncoder(1u << 20, Deadline::in_ms(-1)).encode(pixels, 90, ChromaSampling::k420);
    CHECK(!late && late.error().code == ErrorCode::kDeadline);
}

void test_trellis_saves() {
    const JpegPixels pixels = scene(600, 400, 3, 8);
    const Bytes plain =
        must(JpegEncoder(1u << 22, Deadline(), false).encode(pixels, 80, ChromaSampling::k420));
    const Bytes weighed =
        must(JpegEncoder(1u << 22, Deadline(), true).encode(pixels, 80, ChromaSampling::k420));
    CHECK(weighed.size() < plain.size());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_quality_of_own_and_libjpegs_tables),
                                TEST(test_own_tables_grow_with_the_frequency),
                                TEST(test_dct_is_the_dct),
                                TEST(test_planes_repeat_their_edge),
                                TEST(test_trellis_only_lowers_magnitudes),
                                TEST(test_an_empty_block_stays_empty),
                                TEST(test_encoder_and_libjpeg_agree),
                                TEST(test_limits),
                                TEST(test_trellis_saves)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
