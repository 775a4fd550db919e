// SPDX-License-Identifier: Apache-2.0
#include "optimizers/deflate.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

Bytes sample_text(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i)
        bytes[i] = static_cast<std::uint8_t>("milter"[i % 6] + (i / 997) % 7);
    return bytes;
}

void test_round_trip_at_every_level() {
    for (const std::size_t size : {0u, 1u, 100u, 70000u}) {
        const Bytes input = sample_text(size);
        for (int level = -1; level <= 13; ++level) {
            const auto raw = deflate_raw(input, level);
            CHECK(raw.has_value());
            CHECK(raw->size() <= deflate_bound(size));
            CHECK(inflate_raw(*raw, size).value() == input);
            const auto zlib = deflate_zlib(input, level);
            CHECK(inflate_zlib(*zlib, size).value() == input);
        }
    }
}

void test_wrong_streams_are_malformed() {
    const Bytes input = sample_text(5000);
    const Bytes raw = deflate_raw(input, 6).value();
    const Bytes zlib = deflate_zlib(input, 6).value();
    struct Case {
        std::string_view name;
        std::size_t raw_size;
        int extra;  // bytes cut (negative) or appended
    };
    constexpr Case kCases[] = {
        {"more than declared", 4999, 0},     {"less than declared", 5001, 0}, {"nothing declared", 0, 0},
        {"one byte after the end", 5000, 1}, {"last byte cut", 5000, -1},     {"all cut", 5000, -100000},
    };
    for (const Case& c : kCases) {
        for (const bool wrapped : {false, true}) {
            Bytes stream = wrapped ? zlib : raw;
            const auto size = static_cast<long>(stream.size()) + c.extra;
            stream.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
            const auto got = wrapped ? inflate_zlib(stream, c.raw_size) : inflate_raw(stream, c.raw_size);
            CHECK(!got.has_value(), c.name);
            CHECK(got.error().code == ErrorCode::kMalformed, c.name);
        }
    }
}

void test_zlib_checksum_is_checked() {
    const Bytes input = sample_text(5000);
    Bytes stream = deflate_zlib(input, 6).value();
    stream.back() ^= 1;
    CHECK(!inflate_zlib(stream, input.size()).has_value());
}

void test_limit() {
    const Bytes input = sample_text(5000);
    const std::size_t size = deflate_raw(input, 9)->size();
    CHECK(deflate_raw_within(input, 9, size + 16).has_value());
    const auto got = deflate_raw_within(input, 9, size - 1);
    CHECK(!got.has_value());
    CHECK(got.error().code == ErrorCode::kLimit);
    CHECK(!deflate_zlib_within(input, 9, 0).has_value());
}

void test_crc32() {
    CHECK_EQ(crc32(as_bytes("123456789")), 0xCBF43926u);
    CHECK_EQ(crc32(as_bytes("6789"), crc32(as_bytes("12345"))), 0xCBF43926u);
    CHECK_EQ(crc32({}), 0u);
    CHECK_EQ(crc32({}, 0xCBF43926u), 0xCBF43926u);
}

void test_cost_grows() {
    CHECK(deflate_cost_ms(1 << 20, 12) > deflate_cost_ms(1 << 20, 9));
    CHECK(deflate_cost_ms(1 << 24, 9) > deflate_cost_ms(1 << 20, 9));
    CHECK(deflate_cost_ms(0, 0) > 0);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_round_trip_at_every_level),
                                TEST(test_wrong_streams_are_malformed),
                                TEST(test_zlib_checksum_is_checked),
                                TEST(test_limit),
                                TEST(test_crc32),
                                TEST(test_cost_grows)};
    return cmocka_run_group_tests_name("deflate", tests, nullptr, nullptr);
}
