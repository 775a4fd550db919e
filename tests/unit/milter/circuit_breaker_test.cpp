// SPDX-License-Identifier: Apache-2.0
#include "milter/circuit_breaker.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const CircuitBreaker::Time kStart{};

void test_only_time_outs_in_a_row_open_it() {
    CircuitBreaker breaker(3, 2000);
    CHECK(!breaker.timed_out(kStart) && !breaker.timed_out(kStart));
    breaker.answered();
    CHECK(!breaker.timed_out(kStart) && !breaker.timed_out(kStart) && !breaker.open());
    CHECK(breaker.timed_out(kStart) && breaker.open());
    CHECK(!breaker.timed_out(kStart));  // opened once
}

void test_probes_back_off_up_to_a_minute() {
    CircuitBreaker breaker(1, 2000);
    breaker.timed_out(kStart);
    CircuitBreaker::Time now = kStart;
    for (const int wait_s : {2, 4, 8, 16, 32, 60, 60}) {
        CHECK(!breaker.probe_due(now + seconds(wait_s) - milliseconds(1)));
        now += seconds(wait_s);
        CHECK(breaker.probe_due(now));
        breaker.probe_failed(now);
    }
}

void test_after_a_probe_one_time_out_is_enough() {
    CircuitBreaker breaker(3, 2000);
    for (int i = 0; i < 3; ++i) breaker.timed_out(kStart);
    breaker.probe_answered();
    CHECK(!breaker.open());
    CHECK(breaker.timed_out(kStart) && breaker.open());
    CHECK(!breaker.probe_due(kStart + milliseconds(3999)) && breaker.probe_due(kStart + seconds(4)));
}

void test_an_answered_message_forgets_it_all() {
    CircuitBreaker breaker(3, 2000);
    for (int i = 0; i < 3; ++i) breaker.timed_out(kStart);
    breaker.probe_answered();
    breaker.answered();
    for (int i = 0; i < 2; ++i) CHECK(!breaker.timed_out(kStart));
    CHECK(breaker.timed_out(kStart));
    CHECK(breaker.probe_due(kStart + seconds(2)));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_only_time_outs_in_a_row_open_it), TEST(test_probes_back_off_up_to_a_minute),
        TEST(test_after_a_probe_one_time_out_is_enough), TEST(test_an_answered_message_forgets_it_all)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
