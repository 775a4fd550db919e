// SPDX-License-Identifier: Apache-2.0
#include "store/memory_cache.hpp"

#include "check.hpp"
#include "stored_results.hpp"

namespace optimilter {
namespace {

void test_finds_what_was_kept() {
    MemoryCache cache(1 << 20);
    cache.keep(key_of(1), optimized(1000));
    cache.keep(key_of(2), not_smaller());
    CHECK(same(*cache.find(key_of(1)), optimized(1000)));
    CHECK(same(*cache.find(key_of(2)), not_smaller()));
    CHECK(!cache.find(key_of(3)).has_value());
    cache.keep(key_of(1), optimized(500));
    CHECK_EQ(cache.find(key_of(1))->output.bytes().size(), 500u);
    CHECK_EQ(cache.entries(), 2u);
    CHECK_EQ(cache.bytes(), optimized(500).size() + not_smaller().size());
}

void test_least_wanted_goes_first() {
    const std::size_t one = optimized(1000).size();
    MemoryCache cache(10 * one);
    for (std::uint32_t i = 0; i < 10; ++i) cache.keep(key_of(i), optimized(1000));
    CHECK_EQ(cache.entries(), 10u);
    CHECK(cache.find(key_of(0)).has_value());
    cache.keep(key_of(10), optimized(1000));
    CHECK(cache.find(key_of(0)).has_value());
    CHECK(!cache.find(key_of(1)).has_value());
    for (std::uint32_t i = 11; i < 1000; ++i) {
        cache.keep(key_of(i), i % 3 == 0 ? not_smaller() : optimized(i));
        CHECK(cache.bytes() <= 10 * one);
    }
}

void test_too_large_and_none() {
    MemoryCache cache(80'000);
    cache.keep(key_of(1), not_smaller());
    cache.keep(key_of(2), optimized(20'000));
    CHECK(!cache.find(key_of(2)).has_value());
    CHECK(cache.find(key_of(1)).has_value());
    MemoryCache none(0);
    none.keep(key_of(1), not_smaller());
    CHECK(!none.find(key_of(1)).has_value());
}

// What was handed out stays although the cache has dropped it.
void test_output_outlives_the_entry() {
    MemoryCache cache(20'000);
    cache.keep(key_of(1), optimized(2000, 'a'));
    const auto held = cache.find(key_of(1));
    for (std::uint32_t i = 2; i < 50; ++i) cache.keep(key_of(i), optimized(2000, 'b'));
    CHECK(!cache.find(key_of(1)).has_value());
    CHECK(same(*held, optimized(2000, 'a')));
}

void test_bytes_of_a_file() {
    for (const StoredResult& result : {optimized(1), optimized(70'000), not_smaller()}) {
        const Bytes bytes = encode_stored_result(result);
        const auto read = parse_stored_result(bytes);
        CHECK(read.has_value());
        CHECK(same(*read, result));
        for (std::size_t size = 0; size < std::min<std::size_t>(bytes.size(), 200); ++size)
            CHECK(!parse_stored_result(ByteView(bytes).first(size)).has_value());
        Bytes longer = bytes;
        longer.push_back(0);
        CHECK(!parse_stored_result(longer).has_value());
    }
    struct Patch {
        const char* name;
        std::size_t at;
        std::uint8_t value;
    };
    constexpr Patch kPatches[] = {
        {"outcome", 0, kOutcomeCount},   {"format", 1, static_cast<std::uint8_t>(Format::kCount_)},
        {"output format", 2, 255},       {"flag", 3, 2},
        {"length that wraps", 19, 0xFF}, {"output without being optimised", 0, 1}};
    for (const Patch& patch : kPatches) {
        Bytes bytes = encode_stored_result(optimized(100));
        bytes[patch.at] = patch.value;
        CHECK(!parse_stored_result(bytes).has_value(), patch.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_finds_what_was_kept), TEST(test_least_wanted_goes_first),
                                TEST(test_too_large_and_none), TEST(test_output_outlives_the_entry),
                                TEST(test_bytes_of_a_file)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
