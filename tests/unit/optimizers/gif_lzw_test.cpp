// SPDX-License-Identifier: Apache-2.0
//
// The LZW of GIF: what is encoded decodes to the same by our decoder, under every search and with choices;
// and what a decoder must not take.
#include "optimizers/gif_lzw.hpp"

#include "check.hpp"
#include "gif_builder.hpp"

using namespace optimilter;
using namespace optimilter::gif_builder;

namespace {

constexpr LzwSearch kSearches[] = {
    {0, 1, 0, 0, LzwSearch::kWhenFull},
    {8, 1, 0, 0, LzwSearch::kWhenFull},
    {0, 1, 2, 2, 1000},
    {16, 2, 8, 4, LzwSearch::kWhenFull},
    {8, 1, 4, 1, 1},
};

Bytes pixels_of(std::size_t count, unsigned colors, unsigned kind) {
    Bytes pixels(count);
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        const unsigned random = state >> 20;
        const unsigned values[] = {0, random, static_cast<unsigned>(i / 50), random % 16 == 0 ? random : 1,
                                   static_cast<unsigned>(i < count / 2 ? i % 17 : random)};
        pixels[i] = static_cast<std::uint8_t>(values[kind] % colors);
    }
    return pixels;
}

void test_comes_back() {
    for (const LzwSearch& search : kSearches)
        for (const unsigned size : {2u, 3u, 8u})
            for (const std::size_t count : {1u, 2u, 3u, 255u, 9000u, 70'000u})
                for (unsigned kind = 0; kind < 5; ++kind) {
                    const Bytes pixels = pixels_of(count, 1u << size, kind);
                    const auto codes = encode_lzw({pixels, {}, size, search});
                    CHECK(codes.has_value());
                    const auto back = decode_lzw(*codes, size, count);
                    CHECK(back && *back == pixels, "kind " + std::to_string(kind));
                }
}

void test_choices_stay_within() {
    const Bytes first = pixels_of(30'000, 16, 3);
    Bytes second = first;
    for (std::size_t i = 0; i < second.size(); ++i)
        if (i % 3 != 0) second[i] = 1;
    const Bytes plain = *encode_lzw({first, {}, 4, kSearches[0]});
    for (const LzwSearch& search : kSearches) {
        const auto codes = encode_lzw({first, second, 4, search});
        const auto back = decode_lzw(*codes, 4, first.size());
        CHECK(back.has_value());
        for (std::size_t i = 0; i < first.size(); ++i)
            CHECK((*back)[i] == first[i] || (*back)[i] == second[i]);
        CHECK(codes->size() < plain.size());
    }
}

// All pixels free, and dictionaries that hold every mix of both values: the walk must stay bounded.
void test_choices_cost_is_bounded() {
    const Bytes first(200'000, 0);
    const Bytes second(200'000, 1);
    const auto codes = encode_lzw({first, second, 2, kSearches[1]});
    CHECK(decode_lzw(*codes, 2, first.size()).has_value());
}

void test_searching_pays() {
    const Bytes pixels = pixels_of(200'000, 256, 4);
    const std::size_t plain = encode_lzw({pixels, {}, 8, kSearches[0]})->size();
    const std::size_t searched = encode_lzw({pixels, {}, 8, kSearches[3]})->size();
    CHECK(searched < plain);
}

void test_deadline() {
    const Bytes pixels = pixels_of(70'000, 256, 1);
    for (const LzwSearch& search : kSearches) {
        const auto codes = encode_lzw({pixels, {}, 8, search, Deadline::in_ms(-1)});
        CHECK(!codes && codes.error().code == ErrorCode::kDeadline);
    }
}

Bytes codes_of(const std::vector<unsigned>& codes, unsigned width) {
    LzwBits bits;
    for (const unsigned code : codes) bits.put(code, width);
    return bits.finish();
}

void test_wrong_codes_are_refused() {
    const unsigned clear = 4;
    const unsigned end = 5;
    struct Case {
        std::string_view name;
        Bytes codes;
        std::size_t pixels;
        bool good;
    };
    const Case cases[] = {
        {"one pixel", codes_of({clear, 1, end}, 3), 1, true},
        {"no clear code first", codes_of({1, end}, 3), 1, true},
        {"no end code", codes_of({clear, 1}, 3), 1, true},
        {"string of itself", codes_of({clear, 1, 6, end}, 3), 3, true},
        {"two bytes of padding", {0x4C, 0x01, 0, 0}, 1, true},
        {"three bytes of padding", {0x4C, 0x01, 0, 0, 0}, 1, false},
        {"empty", {}, 1, false},
        {"a pixel missing", codes_of({clear, 1, end}, 3), 2, false},
        {"a pixel too many", codes_of({clear, 1, 1, end}, 3), 1, false},
        {"a string over the end", codes_of({clear, 1, 6, end}, 3), 2, false},
        {"unborn code first", codes_of({clear, 6, end}, 3), 1, false},
        {"code from the future", codes_of({clear, 1, 7, end}, 3), 3, false},
    };
    for (const Case& c : cases) CHECK_EQ(decode_lzw(c.codes, 2, c.pixels).has_value(), c.good, c.name);
    for (const unsigned size : {0u, 1u, 9u, 12u, 255u}) CHECK(!decode_lzw(cases[0].codes, size, 1));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(test_comes_back),
                                TEST(test_choices_stay_within),
                                TEST(test_choices_cost_is_bounded),
                                TEST(test_searching_pays),
                                TEST(test_deadline),
                                TEST(test_wrong_codes_are_refused)};
    return cmocka_run_group_tests_name("gif_lzw", tests, nullptr, nullptr);
}
