// SPDX-License-Identifier: Apache-2.0
//
// encode_picture(): how hard it deflates under each effort, and what its trials see; filter_picture(): which
// filter it picks for a row.
#include "optimizers/png_encode.hpp"

#include <cmath>
#include <set>

#include "check.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/png_filter.hpp"

using namespace optimilter;

namespace {

std::uint32_t noise(std::uint32_t seed) {
    seed = (seed ^ 61) ^ (seed >> 16);
    seed *= 9;
    seed ^= seed >> 4;
    seed *= 0x27d4eb2d;
    return seed ^ (seed >> 15);
}

// One value of the picture's bytes at its place in a row.
using Value = unsigned (*)(std::uint32_t at, std::uint32_t y);

PngPicture picture_of(std::uint32_t width, std::uint32_t height, Value value) {
    PngPicture picture{width, height, {PngColor::kRgb, 8, {}, {}}, {}};
    for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t i = 0; i < width * 3; ++i)
            picture.rows.push_back(static_cast<std::uint8_t>(value(i, y)));
    return picture;
}

unsigned soft(std::uint32_t at, std::uint32_t y) {
    return 100 + at / 31 + y / 7 + noise(at * 7919 + y) % 4;
}
unsigned flat(std::uint32_t at, std::uint32_t y) {
    return (at / 90 + y / 30) % 2 * 200;
}

EncodedPicture encoded(const PngPicture& picture, const PngEffort& effort) {
    auto result = encode_picture({picture, {picture.layout}, {}, picture.layout, Deadline(), effort});
    CHECK(result.has_value());
    return std::move(*result);
}

void by_yield_hard_only_where_it_pays() {
    constexpr PngEffort kByYield{3, 1, 10, 1, 1 << 17, true};
    constexpr PngEffort kAlways{3, 1, 10, 1, 1 << 17, false};
    constexpr PngEffort kLow{3, 1, 6, 1, 1 << 17, true};
    struct Row {
        const char* name;
        std::uint32_t side;
        Value value;
        PngEffort effort;
        int want_level;
    };
    const Row kRows[] = {
        {"a photo", 300, soft, kByYield, 10},         {"a large photo", 640, soft, kByYield, 7},
        {"a drawing", 300, flat, kByYield, 7},        {"a large photo, alone", 640, soft, kAlways, 10},
        {"a drawing, alone", 300, flat, kAlways, 10}, {"a drawing, low effort", 300, flat, kLow, 6},
    };
    for (const Row& row : kRows) {
        const PngPicture picture = picture_of(row.side, row.side, row.value);
        const EncodedPicture result = encoded(picture, row.effort);
        const auto scanlines = inflate_zlib(result.idat, (picture.row_bytes() + 1) * row.side);
        CHECK(scanlines.has_value(), row.name);
        CHECK(*deflate_zlib(*scanlines, row.want_level) == result.idat, row.name);
    }
}

// Inside documents less is tried than for pictures that come alone, and more with every level of effort.
void inside_never_tries_more() {
    for (std::uint8_t effort = 0; effort <= kEffortMax; ++effort) {
        const PngEffort& alone = png_effort(effort);
        const PngEffort& inside = png_effort(effort, true);
        CHECK(inside.filters <= alone.filters && inside.orders <= alone.orders);
        CHECK(inside.level <= alone.level && inside.trial_bytes <= alone.trial_bytes);
        if (effort == 0) continue;
        const PngEffort& below = png_effort(static_cast<std::uint8_t>(effort - 1), true);
        CHECK(below.filters <= inside.filters && below.level <= inside.level);
    }
}

// Columns that go on downwards for a while, with no likeness across: a band's first row tells so only beside
// the row above it.
unsigned columns(std::uint32_t at, std::uint32_t y) {
    return noise(at + y / 25 * 65'537) % 200 + noise(at * 31 + y * 7919) % 3;
}

void small_trials_see_how_rows_follow() {
    const PngPicture picture = picture_of(1900, 300, columns);
    const PngEffort small{3, 1, 6, 1, 1 << 16, false};
    const PngEffort large{3, 1, 6, 1, 1 << 24, false};
    const std::size_t by_sample = encoded(picture, small).idat.size();
    const std::size_t by_all = encoded(picture, large).idat.size();
    CHECK(by_sample <= by_all + by_all / 50, std::to_string(by_sample) + " " + std::to_string(by_all));
}

// Any height with any size of sample: bands lie within the picture and apart.
void every_height_is_encoded() {
    for (const std::uint32_t height : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 49u, 50u, 100u})
        for (const std::uint32_t trial_bytes : {1u, 1000u, 4000u, 20'000u}) {
            const PngPicture picture = picture_of(50, height, soft);
            const EncodedPicture result = encoded(picture, {8, 1, 6, 1, trial_bytes, false});
            CHECK(inflate_zlib(result.idat, (picture.row_bytes() + 1) * height).has_value());
        }
}

double measured(FilterStrategy strategy, ByteView row) {
    if (strategy == FilterStrategy::kBigrams) {
        std::set<std::pair<int, int>> pairs;
        for (std::size_t i = 1; i < row.size(); ++i) pairs.emplace(row[i - 1], row[i]);
        return static_cast<double>(pairs.size());
    }
    double sum = 0;
    if (strategy == FilterStrategy::kMinSum) {
        for (const std::uint8_t byte : row) sum += std::min<int>(byte, 256 - byte);
        return sum;
    }
    std::array<double, 256> counts{};
    for (const std::uint8_t byte : row) ++counts[byte];
    for (const double n : counts)
        if (n > 0) sum -= n * std::log2(n);
    return sum;
}

unsigned rough(std::uint32_t at, std::uint32_t y) {
    return noise(at * 31 + y * 7919);
}

// The first filter of those with the lowest measure, row by row, for more rows than a mark of the counter
// lasts.
void check_choices(const PngPicture& picture, FilterStrategy strategy) {
    const std::size_t stride = picture.row_bytes() + 1;
    std::vector<Bytes> ways;
    for (int filter = 0; filter < 5; ++filter)
        ways.push_back(*filter_picture(picture, static_cast<FilterStrategy>(filter), Deadline()));
    const Bytes chosen = *filter_picture(picture, strategy, Deadline());
    for (std::size_t at = 0; at < chosen.size(); at += stride) {
        std::size_t best = 0;
        const auto cost = [&](std::size_t way) {
            return measured(strategy, ByteView(ways[way]).subspan(at + 1, stride - 1));
        };
        for (std::size_t way = 1; way < ways.size(); ++way)
            if (cost(way) < cost(best)) best = way;
        CHECK_EQ(std::size_t{chosen[at]}, best);
    }
}

void rows_get_the_filter_of_the_lowest_measure() {
    for (const auto strategy :
         {FilterStrategy::kMinSum, FilterStrategy::kEntropy, FilterStrategy::kBigrams}) {
        check_choices(picture_of(120, 200, soft), strategy);
        check_choices(picture_of(120, 200, rough), strategy);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(by_yield_hard_only_where_it_pays), TEST(inside_never_tries_more),
                                TEST(small_trials_see_how_rows_follow), TEST(every_height_is_encoded),
                                TEST(rows_get_the_filter_of_the_lowest_measure)};
    return cmocka_run_group_tests_name("png_encode", tests, nullptr, nullptr);
}
