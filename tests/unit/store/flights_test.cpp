// SPDX-License-Identifier: Apache-2.0
#include "store/flights.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "check.hpp"
#include "stored_results.hpp"

namespace optimilter {
namespace {

void test_one_flies_others_wait() {
    Flights flights;
    std::atomic<int> done{0}, begun{0}, joined{0};
    std::vector<std::thread> threads;
    auto flight = flights.begin(key_of(1));
    CHECK(flight.has_value());
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            if (flights.begin(key_of(1))) ++done;
            ++begun;
            const auto result = flights.await(key_of(1), Deadline());
            if (result && same(*result, optimized(10))) ++joined;
        });
    }
    while (begun < 8) std::this_thread::yield();
    flight->land(optimized(10));
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(done.load(), 0);
    // Who came to wait after the landing found nothing; all others got the result.
    CHECK(joined.load() <= 8);
    CHECK(flights.begin(key_of(1)).has_value());
}

void test_waiter_gets_the_result() {
    Flights flights;
    auto flight = flights.begin(key_of(1));
    std::atomic<bool> waits{false};
    std::optional<StoredResult> result;
    std::thread waiter([&] {
        waits = true;
        result = flights.await(key_of(1), Deadline::in_ms(60'000));
    });
    while (!waits) std::this_thread::yield();
    // The waiter either waits already or finds nothing: give it the lock until it does one of them.
    while (flights.await(key_of(1), Deadline::in_ms(20)) || result) std::this_thread::yield();
    flight->land(optimized(10));
    waiter.join();
    CHECK(result.has_value());
}

void test_failed_flight_lets_others_try() {
    Flights flights;
    {
        auto flight = flights.begin(key_of(1));
        CHECK(flight.has_value());
        CHECK(!flights.begin(key_of(1)).has_value());
        CHECK(flights.begin(key_of(2)).has_value());
    }
    CHECK(!flights.await(key_of(1), Deadline()).has_value());
    CHECK(flights.begin(key_of(1)).has_value());
}

void test_wait_ends_at_the_deadline() {
    Flights flights;
    const auto flight = flights.begin(key_of(1));
    CHECK(!flights.await(key_of(1), Deadline::in_ms(5)).has_value());
    CHECK(!flights.await(key_of(1), Deadline::in_ms(-5)).has_value());
    CHECK(!flights.begin(key_of(1)).has_value());
}

void test_moved_flight_ends_once() {
    Flights flights;
    auto first = flights.begin(key_of(1));
    {
        const Flights::Flight second = std::move(*first);
        first.reset();
        CHECK(!flights.begin(key_of(1)).has_value());
    }
    CHECK(flights.begin(key_of(1)).has_value());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_one_flies_others_wait), TEST(test_waiter_gets_the_result),
                                TEST(test_failed_flight_lets_others_try),
                                TEST(test_wait_ends_at_the_deadline), TEST(test_moved_flight_ends_once)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
