// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_quality.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace optimilter {

namespace {

// T.81 tables K.1 and K.2.
constexpr JpegQuantTable kAnnexKLuma = {
    16, 11,  10,  16, 24, 40, 51, 61, 12,  12,  14,  19,  26, 58, 60, 55,  14,  13,  16,  24, 40, 57,
    69, 56,  14,  17, 22, 29, 51, 87, 80,  62,  18,  22,  37, 56, 68, 109, 103, 77,  24,  35, 55, 64,
    81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,  112, 100, 103, 99};
constexpr JpegQuantTable kAnnexKChroma = {17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                          24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                          99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                          99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

// 15 (luma) or 19 (chroma) * exp(sqrt(u*u + v*v + 0.72*u*v) / 5), rounded: diagonal waves show less than
// upright ones.
constexpr JpegQuantTable kOwnLuma = {15, 18, 22, 27, 33, 41, 50,  61,  18, 21, 25, 30, 37, 45,  54,  66,
                                     22, 25, 29, 34, 41, 50, 61,  73,  27, 30, 34, 40, 48, 57,  69,  83,
                                     33, 37, 41, 48, 56, 66, 79,  95,  41, 45, 50, 57, 66, 78,  92,  110,
                                     50, 54, 61, 69, 79, 92, 109, 128, 61, 66, 73, 83, 95, 110, 128, 151};
constexpr JpegQuantTable kOwnChroma = {
    19, 23, 28,  35,  42, 52, 63, 77, 23,  26,  32,  38,  46, 56, 69, 84,  28,  32,  37,  44, 52, 63,
    77, 93, 35,  38,  44, 51, 61, 72, 87,  105, 42,  46,  52, 61, 71, 84,  100, 120, 52,  56, 63, 72,
    84, 99, 117, 139, 63, 69, 77, 87, 100, 117, 137, 163, 77, 84, 93, 105, 120, 139, 163, 191};

const JpegQuantTable& table_of(JpegBaseTable base) {
    switch (base) {
        case JpegBaseTable::kAnnexKLuma:
            return kAnnexKLuma;
        case JpegBaseTable::kAnnexKChroma:
            return kAnnexKChroma;
        case JpegBaseTable::kOwnLuma:
            return kOwnLuma;
        default:
            return kOwnChroma;
    }
}

int scaled(int step, int quality, int largest) {
    const int percent = quality < 50 ? 5000 / quality : 200 - quality * 2;
    return std::clamp((step * percent + 50) / 100, 1, largest);
}

// Sum of relative differences, so that the large steps of high frequencies do not drown the small ones.
double distance(const JpegQuantTable& table, JpegBaseTable base, int quality) {
    double sum = 0;
    for (std::size_t i = 0; i < 64; ++i) {
        const double want = scaled(table_of(base)[i], quality, table[i] <= 255 ? 255 : 32767);
        const double have = table[i];
        sum += std::abs(have - want) / std::min(have, want);
    }
    return sum;
}

}  // namespace

JpegQuantTable jpeg_quality_table(int quality, JpegBaseTable base, std::uint16_t largest) {
    JpegQuantTable table = table_of(base);
    for (std::uint16_t& step : table)
        step = static_cast<std::uint16_t>(scaled(step, std::clamp(quality, 1, 100), largest));
    return table;
}

int nearest_jpeg_quality(const JpegQuantTable& table) {
    int best = 1;
    double least = distance(table, JpegBaseTable::kAnnexKLuma, best);
    for (const JpegBaseTable base : {JpegBaseTable::kAnnexKLuma, JpegBaseTable::kOwnLuma}) {
        for (int quality = 1; quality <= 100; ++quality) {
            const double far = distance(table, base, quality);
            if (far >= least) continue;
            least = far;
            best = quality;
        }
    }
    return best;
}

}  // namespace optimilter
