// SPDX-License-Identifier: Apache-2.0
#include "milter/load_board.hpp"

#include <thread>
#include <vector>

#include "check.hpp"

namespace optimilter {
namespace {

using std::chrono::milliseconds;
constexpr SteadyClock::time_point kNow{std::chrono::hours(1)};

void test_nothing_seen() {
    LoadBoard board;
    const LoadBoard::Seen seen = board.look(kNow);
    CHECK(!seen.eom_p95_ms && !seen.deadlines_missed && !seen.stress);
    CHECK_EQ(seen.finished, 0u);
    const LoadLimits limits = board.limits();
    CHECK_EQ(limits.level, 0);
    CHECK(!limits.bypass);
}

void test_p95() {
    struct Case {
        const char* name;
        int count;  // taking 1, 2, 3, ... ms
        double want;
    };
    constexpr Case kCases[] = {{"one", 1, 1}, {"two", 2, 1}, {"twenty", 20, 19}, {"hundred", 100, 95}};
    for (const Case& c : kCases) {
        LoadBoard board;
        for (int i = 1; i <= c.count; ++i) board.finished(i, i == 1, kNow);
        const LoadBoard::Seen seen = board.look(kNow);
        CHECK_EQ(seen.eom_p95_ms.value(), c.want, c.name);
        CHECK_EQ(seen.deadlines_missed.value(), 1.0 / c.count, c.name);
        CHECK_EQ(seen.finished, static_cast<std::uint32_t>(c.count), c.name);
        CHECK_EQ(board.look(kNow).finished, 0u, c.name);  // counted once, its time known on
    }
}

void test_old_ones_go() {
    LoadBoard board;
    board.finished(900, true, kNow);
    board.finished(10, false, kNow + milliseconds(4000));
    CHECK_EQ(board.look(kNow + milliseconds(5000)).deadlines_missed.value(), 0.5);
    CHECK_EQ(board.look(kNow + milliseconds(5001)).deadlines_missed.value(), 0.0);
    CHECK(!board.look(kNow + milliseconds(9001)).eom_p95_ms);
}

void test_memory_is_bounded() {
    LoadBoard board;
    for (std::size_t i = 0; i < LoadBoard::kMost; ++i) board.finished(500, true, kNow);
    for (std::size_t i = 0; i < LoadBoard::kMost; ++i) board.finished(5, false, kNow);
    const LoadBoard::Seen seen = board.look(kNow);
    CHECK_EQ(seen.eom_p95_ms.value(), 5.0);
    CHECK_EQ(seen.deadlines_missed.value(), 0.0);
    CHECK_EQ(seen.finished, 2 * LoadBoard::kMost);
}

void test_another_level_forgets() {
    LoadBoard board;
    board.finished(900, true, kNow);
    LoadLimits limits;
    limits.pressure = 2;
    board.publish(limits);
    CHECK(board.look(kNow).eom_p95_ms.has_value());
    limits.level = 1;
    board.publish(limits);
    CHECK(!board.look(kNow).eom_p95_ms.has_value());
    CHECK_EQ(board.limits().level, 1);
    CHECK_EQ(board.limits().pressure, 2.0);
}

void test_stress_lasts_a_while() {
    LoadBoard board;
    board.stressed(kNow);
    CHECK(board.look(kNow + milliseconds(5000)).stress);
    CHECK(!board.look(kNow + milliseconds(5001)).stress);
}

void test_probes() {
    LoadBoard board;
    int probes = 0;
    for (int i = 0; i < 200; ++i) probes += board.take_probe(20);
    CHECK_EQ(probes, 10);
    for (int i = 0; i < 200; ++i) CHECK(!board.take_probe(0));
}

// Sessions and the monitor at once; the thread sanitizer looks on.
void test_from_many_threads() {
    LoadBoard board;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&board] {
            for (int n = 0; n < 2000; ++n) {
                board.finished(n, false);
                board.take_probe(board.limits().level);
                board.stressed();
            }
        });
    }
    std::uint32_t finished = 0;
    for (int n = 0; n < 200; ++n) {
        finished += board.look().finished;
        LoadLimits limits;
        limits.level = static_cast<std::uint8_t>(n % 2);
        board.publish(limits);
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(finished + board.look().finished, 8000u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_nothing_seen),
                                TEST(test_p95),
                                TEST(test_old_ones_go),
                                TEST(test_memory_is_bounded),
                                TEST(test_another_level_forgets),
                                TEST(test_stress_lasts_a_while),
                                TEST(test_probes),
                                TEST(test_from_many_threads)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
