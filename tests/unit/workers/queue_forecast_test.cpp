// SPDX-License-Identifier: Apache-2.0
#include "workers/queue_forecast.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

struct Case {
    const char* name;
    std::uint32_t workers;
    double served_ms;  // every message so far; below 0: none came yet
    std::int64_t remaining_ms;
    std::uint32_t ahead;
    std::uint32_t free_places;
    bool want;
};

void test_in_time() {
    constexpr Case kCases[] = {
        {"nothing known: wait", 1, -1, 100, 5, 0, true},
        {"no time at all", 1, -1, 0, 0, 1, false},
        {"a free place needs no forecast", 1, 60'000, 1, 0, 1, true},
        {"a free place for the second of two", 2, 60'000, 1, 1, 2, true},
        {"the free place is for who came before", 1, 4000, 5000, 1, 1, false},
        {"first in the queue", 1, 1000, 5000, 0, 0, true},
        {"leaves exactly the time at work", 1, 1000, 2000, 0, 0, true},
        {"leaves less", 1, 1000, 1990, 0, 0, false},
        {"fourth in the queue", 1, 1000, 5000, 3, 0, true},
        {"fifth", 1, 1000, 5000, 4, 0, false},
        {"fifth, two workers", 2, 1000, 5000, 4, 0, true},
        {"ninth, two workers", 2, 1000, 5000, 8, 0, false},
        {"slow messages leave half of the time at least", 1, 4000, 5000, 0, 0, false},
        {"half of the time is enough", 1, 2500, 5000, 0, 0, true},
        {"quick messages, long queue", 2, 2, 5000, 256, 0, true},
        {"as good as no deadline", 1, 5000, 24ll * 3600 * 1000, 100, 0, true},
    };
    for (const Case& c : kCases) {
        QueueForecast forecast(c.workers);
        for (int i = 0; i < 20 && c.served_ms >= 0; ++i) forecast.observe(c.served_ms);
        CHECK_EQ(forecast.in_time(c.remaining_ms, c.ahead, c.free_places), c.want, c.name);
    }
}

void test_mean_follows() {
    QueueForecast forecast(1);
    CHECK_EQ(forecast.service_ms(), 0.0);
    forecast.observe(5000);
    CHECK_EQ(forecast.service_ms(), 5000.0);
    forecast.observe(0);
    CHECK_EQ(forecast.service_ms(), 2500.0);
    // A flood of slow messages that is over is forgotten within some dozens of others.
    for (int i = 0; i < 100; ++i) forecast.observe(5000);
    for (int i = 0; i < 64; ++i) forecast.observe(10);
    CHECK(forecast.service_ms() < 100 && forecast.service_ms() > 10);
}

void test_patience() {
    QueueForecast forecast(1);
    CHECK_EQ(forecast.patience_ms(5000), 5000);
    forecast.observe(1000);
    CHECK_EQ(forecast.patience_ms(5000), 4000);
    CHECK_EQ(forecast.patience_ms(1000), 500);
    CHECK_EQ(forecast.patience_ms(0), 0);
    CHECK_EQ(forecast.patience_ms(1), 1);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_in_time), TEST(test_mean_follows), TEST(test_patience)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
