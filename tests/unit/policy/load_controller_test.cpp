// SPDX-License-Identifier: Apache-2.0
#include "policy/load_controller.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "check.hpp"

namespace optimilter {
namespace {

LoadSample at(std::int64_t now_ms) {
    LoadSample sample;
    sample.now_ms = now_ms;
    return sample;
}

// A sample whose pressure is exactly this.
LoadSample pressed(std::int64_t now_ms, double pressure) {
    LoadSample sample = at(now_ms);
    sample.job_wait_ms = pressure * static_cast<double>(Settings().load_job_wait);
    return sample;
}

// The same pressure from now on, a sample a second.
LoadState held(LoadState state, double pressure, int seconds, const Settings& settings = {}) {
    const std::int64_t begin = std::max<std::int64_t>(state.last_sample_ms, 0);
    for (int s = 1; s <= seconds; ++s)
        state = next_load_state(state, pressed(begin + s * 1000, pressure), settings);
    return state;
}

LoadState in_bypass() {
    return held({}, 10, 10);
}

// Each signal at its limit is 1.0, at half of it 0.5, and says its name.
void test_signals() {
    Settings settings;
    settings.mta_sessions = 100;
    struct Case {
        std::string_view name;
        LoadSignal signal;
        std::function<void(LoadSample&, double)> set;
    };
    const Case cases[] = {
        {"job_wait", LoadSignal::kJobWait, [](LoadSample& s, double p) { s.job_wait_ms = 2000 * p; }},
        {"job_wait", LoadSignal::kJobWait, [](LoadSample& s, double p) { s.backlog_ms = 2000 * p; }},
        {"eom_time", LoadSignal::kEomTime,
         [](LoadSample& s, double p) {
             s.eom_p95_ms = 4500 * p;
             s.finished = 100;
         }},
        {"deadlines", LoadSignal::kDeadlines,
         [](LoadSample& s, double p) {
             s.deadlines_missed = 0.1 * p + 0.001;
             s.finished = 1000;
         }},
        {"sessions", LoadSignal::kSessions,
         [](LoadSample& s, double p) { s.sessions_share = p <= 1 ? 0.8 * p : 0.8 + 0.05 * (p - 1); }},
        {"queue_length", LoadSignal::kQueueLength,
         [](LoadSample& s, double p) {
             s.queue = QueueSample{static_cast<std::uint64_t>(600 * p), static_cast<std::uint64_t>(400 * p),
                                   20000, 500, 0};
         }},
        {"queue_age", LoadSignal::kQueueAge,
         [](LoadSample& s, double p) {
             s.queue = QueueSample{50, 50, 0, 0, static_cast<std::int64_t>(300000 * p)};
         }},
        {"cpu", LoadSignal::kCpu, [](LoadSample& s, double p) { s.cpu_stall = 90 * p; }},
        {"memory", LoadSignal::kMemory, [](LoadSample& s, double p) { s.memory_stall = 20 * p; }},
    };
    for (const Case& c : cases) {
        for (const double pressure : {0.5, 1.0, 1.1}) {
            LoadSample sample = at(1000);
            c.set(sample, pressure);
            const LoadState state = next_load_state({}, sample, settings);
            CHECK(std::abs(state.pressure - pressure) < 1e-9, c.name);
            CHECK_EQ(state.signal, c.signal, c.name);
            CHECK_EQ(load_signal_name(state.signal), c.name);
        }
    }
    CHECK_EQ(load_signal_name(static_cast<LoadSignal>(200)), "none");
}

void test_the_worst_signal_wins() {
    LoadSample sample = at(0);
    sample.cpu_stall = 45;
    sample.memory_stall = 18;
    sample.job_wait_ms = 100;
    const LoadState state = next_load_state({}, sample, {});
    CHECK_EQ(state.signal, LoadSignal::kMemory);
    CHECK(std::abs(state.pressure - 0.9) < 1e-9);
    CHECK_EQ(next_load_state({}, at(0), {}).signal, LoadSignal::kNone);
}

void test_no_signal() {
    LoadSample deferred = at(0);
    deferred.queue = QueueSample{0, 50, 1000000, 1000000, 86400000};
    CHECK(next_load_state({}, deferred, {}).pressure < 0.1, "deferred, hold, and few old messages");
    LoadSample one_slow = at(0);
    one_slow.finished = 1;
    one_slow.eom_p95_ms = 5000;
    one_slow.deadlines_missed = 1;
    CHECK_EQ(next_load_state({}, one_slow, {}).pressure, 0.0, "one message is no trend");
    LoadSample nothing = at(0);
    nothing.job_wait_ms = std::nan("");
    nothing.cpu_stall = -5;
    CHECK_EQ(next_load_state({}, nothing, {}).pressure, 0.0, "no number");
    Settings deaf;
    deaf.load_cpu_stall = deaf.load_memory_stall = 0;
    LoadSample stalled = at(0);
    stalled.cpu_stall = stalled.memory_stall = 100;
    CHECK_EQ(next_load_state({}, stalled, deaf).pressure, 0.0, "no limit");
    Settings off;
    off.load_control = false;
    CHECK_EQ(held(in_bypass(), 10, 1, off).level, 0, "switched off");
    CHECK_EQ(held({}, 10, 100, off).level, 0, "switched off");
}

// Seconds of constant pressure until each level is reached.
void test_up() {
    struct Case {
        std::string_view name;
        double pressure;
        int seconds;
        int want;
    };
    constexpr Case kCases[] = {
        {"one sample is a spike", 100, 1, 0},
        {"two are load when it is much", 2, 2, 1},
        {"a little wants to last", 1, 2, 0},
        {"for two seconds", 1, 3, 1},
        {"a level gets time to settle", 1.5, 7, 1},
        {"then the next", 1.5, 8, 2},
        {"and so on", 1.5, 13, 3},
        {"far too much: no time", 10, 5, 4},
        {"bypass is not for a moment", 10, 9, 4},
        {"far too much for longer", 10, 10, 5},
        {"with less, much longer", 1.5, 47, 4},
        {"to the end", 1.5, 48, 5},
        {"almost", 0.99, 600, 0},
    };
    for (const Case& c : kCases) CHECK_EQ(held({}, c.pressure, c.seconds).level, c.want, c.name);
    LoadState spikes;
    for (int i = 0; i < 100; ++i) spikes = held(held(spikes, 50, 1), 0, 1);
    CHECK_EQ(spikes.level, 0, "a spike every other second");
}

void test_cause_stays_with_the_level() {
    LoadState state = held({}, 2, 2);
    CHECK_EQ(state.cause, LoadSignal::kJobWait);
    LoadSample cpu = at(state.last_sample_ms + 1000);
    cpu.cpu_stall = 80;
    state = next_load_state(state, cpu, {});
    CHECK_EQ(state.signal, LoadSignal::kCpu);
    CHECK_EQ(state.cause, LoadSignal::kJobWait);
    state = held(state, 0, 70);
    CHECK_EQ(state.level, 0);
    CHECK_EQ(state.cause, LoadSignal::kNone);
}

void test_down() {
    const LoadState risen = held({}, 2, 7);
    CHECK_EQ(risen.level, 2);
    CHECK_EQ(held(risen, 0, 60).level, 2, "twice load_down after a rise");
    CHECK_EQ(held(risen, 0, 61).level, 1);
    CHECK_EQ(held(risen, 0, 90).level, 1, "load_down after a fall");
    CHECK_EQ(held(risen, 0, 91).level, 0);
    CHECK_EQ(held(risen, 0.8, 1000).level, 2, "not calm enough");
    CHECK_EQ(held(held(held(risen, 0, 50), 0.9, 1), 0, 60).level, 2, "calm starts anew");

    const LoadState taken_back = held(held(risen, 0, 61), 2, 2);
    CHECK_EQ(taken_back.level, 2);
    CHECK_EQ(held(taken_back, 0, 90).level, 2, "three times when the fall was taken back");
    CHECK_EQ(held(taken_back, 0, 91).level, 1);
    CHECK_EQ(held(taken_back, 0, 121).level, 0, "and once again after it held");
    CHECK_EQ(held(taken_back, 2, 29).level, 2, "the level that was right gets more time");
    CHECK_EQ(held(taken_back, 2, 30).level, 3);
    CHECK_EQ(held(taken_back, 10, 4).level, 2);
    CHECK_EQ(held(taken_back, 10, 5).level, 3, "less when there is far too much");
}

// What has piled up before the level was right must drain first; but not for ever.
void test_draining() {
    LoadState state = held({}, 2, 7);
    CHECK_EQ(state.level, 2);
    for (int s = 1; s <= 29; ++s) state = held(state, 2 - 0.02 * s, 1);
    CHECK_EQ(state.level, 2);
    CHECK_EQ(held(state, 1.4, 1).level, 3);
}

LoadState busy(LoadState state, double share, int seconds) {
    for (int s = 0; s < seconds; ++s) {
        LoadSample sample = at(state.last_sample_ms + 1000);
        sample.workers_busy = share;
        sample.finished = 1;
        state = next_load_state(state, sample, {});
    }
    return state;
}

void test_room_before_a_fall() {
    const LoadState risen = held({}, 2, 7);
    CHECK_EQ(busy(risen, 0.95, 600).level, 2, "busy workers have no room");
    CHECK_EQ(busy(risen, 0.95, 601).level, 1, "tried all the same after ten minutes");
    CHECK_EQ(busy(risen, 0.7, 61).level, 1);
    const LoadState taken_back = held(busy(risen, 0.7, 61), 2, 2);
    CHECK_EQ(busy(taken_back, 0.7, 300).level, 2, "as busy as when it failed");
    CHECK_EQ(busy(taken_back, 0.5, 91).level, 1, "less busy");
    CHECK_EQ(busy(in_bypass(), 0.05, 300).level, kLoadBypass, "one probe in twenty stands for twenty");
    CHECK_EQ(busy(in_bypass(), 0.03, 61).level, 4);
}

// Bypass: n probes a second of which a share misses the deadline.
LoadState probed(LoadState state, std::uint32_t probes, double missed, int seconds) {
    for (int s = 0; s < seconds; ++s) {
        LoadSample sample = at(state.last_sample_ms + 1000);
        sample.finished = probes;
        if (probes > 0) sample.deadlines_missed = missed;
        state = next_load_state(state, sample, {});
    }
    return state;
}

void test_leaving_bypass() {
    const LoadState bypass = in_bypass();
    CHECK_EQ(bypass.level, kLoadBypass);
    CHECK_EQ(probed(bypass, 1, 0, 60).level, kLoadBypass);
    CHECK_EQ(probed(bypass, 1, 0, 61).level, 4, "healthy probes");
    CHECK_EQ(probed(bypass, 5, 0.05, 61).level, 4, "healthy enough");
    CHECK_EQ(probed(bypass, 1, 1, 300).level, kLoadBypass, "each probe misses its deadline");
    CHECK_EQ(probed(probed(bypass, 1, 1, 300), 1, 0, 61).level, 4, "and then they do not");
    CHECK_EQ(probed(bypass, 0, 0, 90).level, kLoadBypass, "no probes: a wait longer");
    CHECK_EQ(probed(bypass, 0, 0, 91).level, 4, "but not for ever");
    CHECK_EQ(probed(bypass, 0, 0, 211).level, 0);
}

void test_pin() {
    const Settings settings;
    LoadState state = pin_load(held({}, 0, 1), 3, 61000);
    CHECK_EQ(state.level, 3);
    CHECK_EQ(load_limits(state, settings).level, 3);
    state = held(state, 50, 30);
    CHECK_EQ(state.level, 3, "whatever the signals say");
    CHECK_EQ(state.signal, LoadSignal::kOperator);
    CHECK_EQ(state.cause, LoadSignal::kOperator);
    CHECK(std::abs(state.pressure - 50) < 1e-9, "which are still told");
    state = held(state, 50, 30);
    CHECK(!state.pin);
    CHECK_EQ(state.level, 3, "from the level of now");
    CHECK_EQ(held(state, 50, 10).level, kLoadBypass);
    CHECK_EQ(held(state, 0, 95).level, 0);

    Settings off;
    off.load_control = false;
    CHECK_EQ(held(pin_load({}, 2, 10000), 0, 5, off).level, 2, "also with load control off");
    CHECK_EQ(pin_load({}, 200, 1000).level, kLoadBypass);
    const LoadState unpinned = unpin_load(pin_load(in_bypass(), 0, INT64_MAX));
    CHECK_EQ(unpinned.level, 0);
    CHECK(!unpinned.pin && unpinned.signal == LoadSignal::kNone && unpinned.cause == LoadSignal::kNone);
    CHECK_EQ(load_limits(pin_load({}, 5, 1000), settings).probe_one_in, 0u, "pinned: no probes");
    CHECK_EQ(load_limits(in_bypass(), settings).probe_one_in, 20u);
}

void test_clock() {
    const LoadState risen = held({}, 2, 2);
    LoadState back = held(risen, 0, 50);
    back = next_load_state(back, pressed(5, 0), {});
    CHECK_EQ(held(back, 0, 59).level, 1, "a jump back restarts the calm");
    CHECK_EQ(held(back, 0, 60).level, 0);
    LoadState ahead = next_load_state(in_bypass(), pressed(86400000, 0), {});
    ahead = next_load_state(ahead, pressed(2 * 86400000, 0), {});
    CHECK_EQ(ahead.level, kLoadBypass, "a jump ahead is no calm");
    CHECK_EQ(next_load_state(held({}, 2, 1), pressed(INT64_MAX, 2), {}).level, 1, "one level at most");
    LoadState seldom = in_bypass();
    for (int i = 0; i < 60; ++i)
        seldom = next_load_state(seldom, pressed(seldom.last_sample_ms + 15000, 0), {});
    CHECK_EQ(seldom.level, 0, "samples may be rare");
    const LoadState pinned = next_load_state(pin_load(held({}, 0, 100), 2, 160000), pressed(40000, 0), {});
    CHECK_EQ(pinned.pin->until_ms, 100000, "a pin keeps the time it had left");
}

// {stress} goes on for 1000 s after the fact; it brings three levels, and does not keep us there.
void test_stress() {
    LoadState state;
    int highest = 0;
    for (int s = 0; s < 1000; ++s) {
        LoadSample sample = at(s * 1000);
        sample.stress = true;
        state = next_load_state(state, sample, {});
        if (s == 3) CHECK_EQ(state.cause, LoadSignal::kStress);
        highest = std::max<int>(highest, state.level);
    }
    CHECK_EQ(highest, 3);
    CHECK_EQ(state.level, 0);
    state = held(state, 0, 1);
    for (int s = 0; s < 3; ++s) {
        LoadSample sample = at(state.last_sample_ms + 1000);
        sample.stress = true;
        state = next_load_state(state, sample, {});
    }
    CHECK_EQ(state.level, 1, "said anew after it was gone");
}

LoadLimits limits_at(std::uint8_t level, const Settings& settings) {
    LoadState state;
    state.level = level;
    return load_limits(state, settings);
}

// A higher level never allows more, and no window turns inside out, however narrow the operator's own.
void test_limits_narrow() {
    constexpr std::uint64_t kBounds[][2] = {
        {8192, 64 << 20},         {0, 1 << 30}, {0, 1024}, {1024, 1024}, {8192, 8193}, {1 << 20, 2 << 20},
        {1ull << 30, 1ull << 30},
    };
    for (const auto& bounds : kBounds) {
        for (std::uint32_t effort = 0; effort <= kEffortMax; ++effort) {
            Settings settings;
            settings.min_size = bounds[0];
            settings.max_size = bounds[1];
            settings.effort = effort;
            LoadLimits before = limits_at(0, settings);
            CHECK_EQ(before.min_size, settings.min_size);
            CHECK_EQ(before.max_size, settings.max_size);
            CHECK_EQ(before.effort_max, effort);
            CHECK_EQ(before.least_yield, 0.0);
            for (std::uint8_t level = 1; level <= kLoadBypass; ++level) {
                const LoadLimits limits = limits_at(level, settings);
                CHECK(limits.min_size >= before.min_size && limits.max_size <= before.max_size);
                CHECK(limits.min_size <= limits.max_size);
                CHECK(limits.effort_max <= before.effort_max && limits.least_yield >= before.least_yield);
                CHECK_EQ(limits.bypass, level == kLoadBypass);
                before = limits;
            }
        }
    }
    const LoadLimits narrow = limits_at(4, {});
    CHECK(narrow.min_size >= 4 * 8192 && narrow.max_size <= (64 << 20) / 8);
    CHECK(narrow.effort_max < kEffortDefault);
    CHECK(narrow.least_yield > limits_at(1, {}).least_yield);
}

void test_excluded() {
    const LoadLimits limits = limits_at(2, {});
    struct Case {
        std::string_view name;
        double yield;
        std::size_t size;
        std::string_view want;
    };
    const Case cases[] = {
        {"inside", 1e6, limits.min_size, ""},
        {"inside, at the other end", 1e6, limits.max_size, ""},
        {"pays just enough", limits.least_yield, limits.min_size, ""},
        {"small", 1e6, limits.min_size - 1, "load: smaller than the window"},
        {"large", 1e6, limits.max_size + 1, "load: larger than the window"},
        {"cheap", limits.least_yield - 1, limits.min_size, "load: saves too little for its CPU time"},
    };
    for (const Case& c : cases) CHECK_EQ(load_excluded(limits, c.yield, c.size), c.want, c.name);
    CHECK_EQ(load_excluded(limits_at(0, {}), 0, 1), "", "level 0 leaves it to the settings");
}

double random_value(std::mt19937& random) {
    switch (random() % 12) {
        case 0:
            return std::nan("");
        case 1:
            return std::numeric_limits<double>::infinity();
        case 2:
            return -1e300;
        case 3:
            return 1e300;
        default:
            return std::exp(static_cast<double>(random() % 2000) / 100 - 8);
    }
}

LoadSample random_sample(std::mt19937& random, std::int64_t now_ms) {
    LoadSample sample = at(now_ms);
    for (std::optional<double>* value : {&sample.job_wait_ms, &sample.eom_p95_ms, &sample.deadlines_missed,
                                         &sample.sessions_share, &sample.cpu_stall, &sample.memory_stall})
        if (random() % 6 == 0) *value = random_value(random);
    if (random() % 8 == 0)
        sample.queue = QueueSample{random() % 3000, random() % 3000, random(), random(),
                                   static_cast<std::int64_t>(random())};
    if (random() % 40 == 0)
        sample.queue = QueueSample{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX};
    sample.stress = random() % 8 == 0;
    sample.finished = static_cast<std::uint32_t>(random() % 3 == 0 ? random() : random() % 30);
    return sample;
}

std::int64_t random_time(std::mt19937& random, std::int64_t now_ms) {
    switch (random() % 50) {
        case 0:
            return 0;
        case 1:
            return INT64_MAX - static_cast<std::int64_t>(random());
        case 2:
            return now_ms / 2;
        case 3:
            return now_ms / 2 + 86400000;
        default:
            return now_ms > INT64_MAX - 100000 ? 7 : now_ms + random() % 40000;
    }
}

// More of one signal, nothing less.
LoadSample worse(LoadSample sample, std::mt19937& random) {
    const auto raise = [&](std::optional<double>& value) {
        value =
            std::max(value && !std::isnan(*value) ? *value : 0.0, 0.0) + static_cast<double>(random() % 1000);
    };
    switch (random() % 6) {
        case 0:
            raise(sample.job_wait_ms);
            break;
        case 1:
            raise(sample.eom_p95_ms);
            break;
        case 2:
            raise(sample.sessions_share);
            break;
        case 3:
            raise(sample.cpu_stall);
            break;
        case 4:
            raise(sample.deadlines_missed);
            break;
        default:
            sample.queue = QueueSample{UINT64_MAX, UINT64_MAX, 0, 0, INT64_MAX};
            break;
    }
    return sample;
}

// Whatever comes, in whatever order of the clock: the level is one of ours, moves by one, and a worse sample
// never makes it lower than a better one would have.
void test_random() {
    std::mt19937 random(5);
    Settings settings;
    settings.load_down = 2000;
    int highest = 0, ups = 0, downs = 0;
    LoadState state;
    std::int64_t now_ms = 0;
    for (int i = 0; i < 300000; ++i) {
        now_ms = random_time(random, now_ms);
        const LoadSample sample = random_sample(random, now_ms);
        const LoadState next = next_load_state(state, sample, settings);
        const LoadState next_worse = next_load_state(state, worse(sample, random), settings);
        CHECK(next.level <= kLoadBypass);
        CHECK(std::isfinite(next.pressure) && next.pressure >= 0 && std::isfinite(next.smoothed));
        if (!state.pin) CHECK(std::abs(next.level - state.level) <= 1);
        CHECK(next_worse.pressure >= next.pressure);
        CHECK(next_worse.level >= next.level);
        ups += next.level > state.level;
        downs += next.level < state.level;
        highest = std::max<int>(highest, next.level);
        state = next;
        if (random() % 500 == 0)
            state =
                pin_load(state, static_cast<std::uint8_t>(random() % 256), now_ms / 2 + random() % 100000);
        if (random() % 500 == 0) state = unpin_load(state);
    }
    CHECK_EQ(highest, kLoadBypass);
    CHECK(ups > 1000 && downs > 1000);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_signals),
        TEST(test_the_worst_signal_wins),
        TEST(test_no_signal),
        TEST(test_up),
        TEST(test_cause_stays_with_the_level),
        TEST(test_down),
        TEST(test_draining),
        TEST(test_room_before_a_fall),
        TEST(test_leaving_bypass),
        TEST(test_pin),
        TEST(test_clock),
        TEST(test_stress),
        TEST(test_limits_narrow),
        TEST(test_excluded),
        TEST(test_random),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
