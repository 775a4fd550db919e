// SPDX-License-Identifier: Apache-2.0
//
// The load controller in a closed loop with a small mail system (load_plant.hpp), replayed on a virtual
// clock: what operators were promised about every shape of load.
#include <algorithm>
#include <cmath>
#include <string>

#include "check.hpp"
#include "load_plant.hpp"

namespace optimilter {
namespace {

using Run = std::vector<Second>;
constexpr int kMinute = 60;
constexpr int kHour = 3600;

int changes(const Run& run, int from, int to) {
    int count = 0;
    for (int s = std::max(from, 1); s < to; ++s) count += run[s].level != run[s - 1].level;
    return count;
}

int highest(const Run& run, int from, int to) {
    int level = 0;
    for (int s = from; s < to; ++s) level = std::max(level, run[s].level);
    return level;
}

// Seconds from then until the level has changed for the first time.
int first_change(const Run& run, int from) {
    for (int s = std::max(from, 1); s < static_cast<int>(run.size()); ++s)
        if (run[s].level != run[s - 1].level) return s + 1 - from;
    return INT32_MAX;
}

// Wherever the signals have said too much for three samples in a row, the level is no longer 0.
void check_reacts(const Run& run, std::string_view name) {
    for (std::size_t s = 2; s < run.size(); ++s)
        if (run[s].pressure >= 1 && run[s - 1].pressure >= 1 && run[s - 2].pressure >= 1)
            CHECK(run[s].level > 0, name);
}

// No more than one change in 30 s, over every two minutes of a stretch, and far fewer in the long run: what
// was tried and failed is tried again after ten minutes.
void check_steady(const Run& run, int from, int to, std::string_view name) {
    for (int s = from; s + 2 * kMinute <= to; ++s) CHECK(changes(run, s, s + 2 * kMinute) <= 4, name);
    CHECK(changes(run, from, to) <= 4 + (to - from) / 100, name);
}

void check_resumes(const Run& run, int load_end, std::string_view name) {
    CHECK(load_end + 5 * kMinute < static_cast<int>(run.size()), name);
    for (int s = load_end + 5 * kMinute; s < static_cast<int>(run.size()); ++s)
        CHECK_EQ(run[s].level, 0, name);
}

Moment with_work(double work) {
    Moment moment;
    moment.work = work;
    return moment;
}

// Load from..to, little before and after.
std::function<Moment(int)> block(int from, int to, Moment load) {
    return [=](int s) { return s >= from && s < to ? load : with_work(0.4); };
}

// One row a trace: where load begins and ends, and what is to be seen. The run goes on 10 minutes after it.
struct Trace {
    std::string_view name;
    int begin, end;
    std::function<Moment(int)> moment;
    int want_highest_from, want_highest_to;
    bool fast = true;  // first change within 3 s of the begin; false: it takes longer to pile up
};

Moment small_mails() {
    Moment moment = with_work(0.5);
    moment.queue = 5000;
    moment.sessions_share = 1;
    moment.messages = 500;
    return moment;
}

Moment large_mails() {
    Moment moment = with_work(12);
    moment.messages = 3;
    moment.slow_ms = 3000;
    return moment;
}

// One client, one message after the other, each at its deadline; there is a worker for everybody else.
Moment greedy_client(int second) {
    Moment moment = with_work(1.2);
    moment.messages = second % 5 == 0 ? 1 : 0;
    moment.slow_ms = 5000;
    return moment;
}

Moment slow_disk() {
    Moment moment = with_work(0.4);
    moment.slow_ms = 4400;
    return moment;
}

Moment remote_outage() {
    Moment moment = with_work(0.6);
    moment.deferred = 20000;
    moment.queue = 300;
    return moment;
}

Moment worker_loss() {
    Moment moment = with_work(1.2);
    moment.workers = 0.5;
    return moment;
}

void test_traces() {
    Moment steady_stress = with_work(3.0);
    steady_stress.stress = true;
    const Trace traces[] = {
        {"overload of 1.5 times", 100, 3700, block(100, 3700, with_work(3)), 1, 3, false},
        {"overload of 5 times", 100, 1900, block(100, 1900, with_work(10)), 4, 5},
        {"flood", 100, 1900, block(100, 1900, with_work(100)), 5, 5},
        {"spike", 100, 110, block(100, 110, with_work(20)), 3, 5},
        {"large-mail storm", 100, 1300, block(100, 1300, large_mails()), 3, 5},
        {"small-mail storm", 100, 1300, block(100, 1300, small_mails()), 5, 5},
        {"worker loss", 100, 700, block(100, 700, worker_loss()), 1, 5, false},
        {"one greedy client", 100, 700,
         [](int s) { return s >= 100 && s < 700 ? greedy_client(s) : with_work(0.4); }, 0, 0, false},
        {"slow disk", 100, 700, block(100, 700, slow_disk()), 1, 5},
        {"remote outage", 100, 7300, block(100, 7300, remote_outage()), 0, 0, false},
        {"stress", 100, 1300, block(100, 1300, steady_stress), 1, 5},
    };
    for (const Trace& trace : traces) {
        const Run run = LoadPlant().run(trace.end + 10 * kMinute, trace.moment);
        CHECK_EQ(highest(run, 0, trace.begin), 0, trace.name);
        check_reacts(run, trace.name);
        if (trace.fast) CHECK(first_change(run, trace.begin) <= 3, trace.name);
        const int top = highest(run, trace.begin, trace.end);
        CHECK(top >= trace.want_highest_from && top <= trace.want_highest_to,
              std::string(trace.name) + ": " + std::to_string(top));
        if (trace.end - trace.begin > 5 * kMinute)
            check_steady(run, trace.begin + 2 * kMinute, trace.end, trace.name);
        check_resumes(run, trace.end, trace.name);
        // The same without a word about the workers: more is tried in vain, in the same pace.
        const Run blind = LoadPlant(false).run(trace.end + 10 * kMinute, trace.moment);
        CHECK(changes(blind, trace.begin + 2 * kMinute, trace.end) <= 2 + (trace.end - trace.begin) / 30,
              trace.name);
        check_resumes(blind, trace.end, trace.name);
    }
}

// The higher the load, the higher the level where it comes to rest; and going up a ramp there is no way back.
void test_ramp() {
    int before = 0;
    for (double work = 0; work < 60; work = work * 1.3 + 0.2) {
        const Run run = LoadPlant().run(kHour, [=](int) { return with_work(work); });
        const int level = run.back().level;
        // An attempt to go down may be under way at the very end.
        CHECK(level >= before - 1, std::to_string(work));
        before = std::max(level, before);
        if (work < 1.9) CHECK_EQ(highest(run, 0, kHour), 0);
    }
    CHECK_EQ(before, kLoadBypass);
    const Run run = LoadPlant().run(30 * kMinute, [](int s) {
        return with_work(s < 10 * kMinute ? 20.0 * s / (10 * kMinute)
                                          : 20.0 * std::max(20 * kMinute - s, 0) / (10 * kMinute));
    });
    int falls = 0;
    for (int s = 1; s < 10 * kMinute; ++s) falls += run[s].level < run[s - 1].level;
    CHECK(falls <= 3);
    CHECK(highest(run, 0, 10 * kMinute) >= 4);
    CHECK_EQ(run.back().level, 0);
}

// Twice what the workers can do at the top of each tooth, two minutes apart: followed, but not tooth by
// tooth.
void test_saw_tooth() {
    const int end = 100 + 20 * 120;
    const Run run = LoadPlant().run(end + 10 * kMinute, [=](int s) {
        return with_work(s >= 100 && s < end ? 0.4 + 3.6 * ((s - 100) % 120) / 120.0 : 0.4);
    });
    CHECK_EQ(highest(run, 0, 100), 0);
    CHECK(highest(run, 100, end) >= 1 && highest(run, 100, end) <= 4);
    CHECK(changes(run, 100, end) <= (end - 100) / 30);
    check_resumes(run, end, "saw-tooth");
}

// A day with two peaks above what the workers can do: full work at night, no flutter, all of it in pace.
void test_day_curve() {
    const Run run = LoadPlant().run(24 * kHour, [](int s) {
        const double hour = s / 3600.0;
        const double peak =
            std::exp(-(hour - 10.5) * (hour - 10.5) / 3) + 0.8 * std::exp(-(hour - 15) * (hour - 15) / 4);
        return with_work(0.1 + 3.2 * peak);
    });
    CHECK_EQ(highest(run, 0, 7 * kHour), 0);
    CHECK_EQ(highest(run, 20 * kHour, 24 * kHour), 0);
    CHECK(highest(run, 9 * kHour, 12 * kHour) >= 1);
    CHECK(highest(run, 0, 24 * kHour) <= 3);
    check_steady(run, 0, 24 * kHour, "day");
}

// The queue's signal goes away while it is the one that holds us: the others decide, and it is no reason to
// stay.
void test_queue_unreadable() {
    const Run run = LoadPlant().run(20 * kMinute, [](int s) {
        Moment moment = with_work(0.4);
        moment.queue = s < 100 ? 0 : 20000;
        if (s >= 300) moment.queue.reset();
        if (s >= 700 && s < 800) moment.work = 20;
        return moment;
    });
    CHECK(first_change(run, 100) <= 3);
    CHECK_EQ(run[299].level, kLoadBypass);
    CHECK_EQ(run[299].signal, LoadSignal::kQueueLength);
    CHECK_EQ(run[300 + 5 * kMinute].level, 0);
    CHECK(highest(run, 700, 800) >= 3);
    check_resumes(run, 800, "after it");
}

void test_clock_jumps() {
    for (const std::int64_t jump_ms : {-3600000LL, -5000LL, 20000LL, 86400000LL, 1LL << 60}) {
        for (const int when : {50, 105, 300, 460, 640}) {
            const Run run = LoadPlant().run(20 * kMinute, [=](int s) {
                Moment moment = block(100, 400, with_work(10))(s);
                if (s == when) moment.clock_jump_ms = jump_ms;
                return moment;
            });
            CHECK_EQ(highest(run, 0, 100), 0);
            CHECK(first_change(run, 100) <= 3);
            CHECK(highest(run, 102, 400) >= 4);
            CHECK(std::abs(run[when].level - run[when - 1].level) <= 1);
            // The jump itself may cost the wait that was under way, once.
            CHECK_EQ(run[400 + 5 * kMinute + 90].level, 0);
        }
    }
}

// A new engine begins at 0 in the middle of a flood, again and again.
void test_restart_in_bypass() {
    const Run run = LoadPlant().run(20 * kMinute, [](int s) {
        Moment moment = block(100, 500, with_work(100))(s);
        moment.queue = s >= 100 && s < 500 ? 8000 : 0;
        moment.restart = s == 200 || s == 300;
        return moment;
    });
    for (const int restart : {200, 300}) {
        CHECK_EQ(run[restart - 1].level, kLoadBypass);
        CHECK(run[restart].level <= 1);
        CHECK(first_change(run, restart + 1) <= 3);
        CHECK_EQ(run[restart + 10].level, kLoadBypass);
    }
    check_resumes(run, 500, "restarts");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_traces),
        TEST(test_ramp),
        TEST(test_saw_tooth),
        TEST(test_day_curve),
        TEST(test_queue_unreadable),
        TEST(test_clock_jumps),
        TEST(test_restart_in_bypass),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
