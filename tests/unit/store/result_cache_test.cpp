// SPDX-License-Identifier: Apache-2.0
#include "store/result_cache.hpp"

#include "check.hpp"
#include "stored_results.hpp"

namespace optimilter {
namespace {

void test_memory() {
    Counters counters;
    ResultCache cache({1 << 20, "", 0}, counters);
    CHECK_EQ(cache.file_state(), "none");
    CHECK(!cache.find(key_of(1)).has_value());
    cache.keep(key_of(1), optimized(1000));
    cache.keep(key_of(2), not_smaller());
    cache.settle();
    CHECK(same(*cache.find(key_of(1)), optimized(1000)));
    CHECK(same(*cache.find(key_of(2)), not_smaller()));
    CHECK_EQ(counters.get(Counter::kCacheHits), 2u);
    CHECK_EQ(counters.get(Counter::kCacheMisses), 1u);
    CHECK_EQ(counters.get(Counter::kCacheStored), 2u);
    CHECK_EQ(cache.entries(), 2u);
}

void test_file_fills_memory() {
    const TestFolder folder;
    Counters counters;
    const CacheSettings settings{1 << 20, folder.file("cache.db"), 16u << 20};
    {
        ResultCache cache(settings, counters);
        cache.keep(key_of(1), optimized(1000));
        cache.settle();
        CHECK_EQ(cache.file_state(), "open");
    }
    ResultCache cache(settings, counters);
    cache.settle();
    // Opened by the storing thread, which settle() need not have seen yet.
    while (cache.file_state() != "open") cache.settle();
    CHECK_EQ(cache.entries(), 0u);
    CHECK(same(*cache.find(key_of(1)), optimized(1000)));
    cache.settle();
    CHECK_EQ(cache.entries(), 1u);
    CHECK_EQ(counters.get(Counter::kCacheStored), 1u);
}

void test_file_that_cannot_be() {
    Counters counters;
    ResultCache cache({1 << 20, "/proc/no/such/file", 16u << 20}, counters);
    cache.keep(key_of(1), optimized(1000));
    cache.settle();
    CHECK_EQ(cache.file_state(), "not open");
    CHECK(cache.find(key_of(1)).has_value());
}

// More than may wait is dropped, not piled up; ending does not wait for the rest.
void test_queue_is_bounded() {
    Counters counters;
    ResultCache cache({256u << 20, "", 0}, counters);
    const StoredResult large = optimized(30u << 20);
    for (std::uint32_t i = 0; i < 50; ++i) cache.keep(key_of(i), large);
    cache.settle();
    CHECK(counters.get(Counter::kCacheStored) < 50u);
    CHECK(counters.get(Counter::kCacheStored) >= 2u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_memory), TEST(test_file_fills_memory),
                                TEST(test_file_that_cannot_be), TEST(test_queue_is_bounded)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
