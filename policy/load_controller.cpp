// SPDX-License-Identifier: Apache-2.0
#include "policy/load_controller.hpp"

#include <algorithm>
#include <cmath>

namespace optimilter {

namespace {

constexpr double kCalm = 0.75;       // below this share of "too much" the level may fall
constexpr double kFar = 4;           // smoothed pressure from which a level is given no time to settle
constexpr double kMostSmoothed = 8;  // one wild sample must not stand for many
constexpr double kSmoothing_ms = 2000;
constexpr std::int64_t kLongestGap_ms = 10000;    // nobody saw what happened in a longer one
constexpr std::int64_t kFailedWithin_ms = 60000;  // a rise so soon after a fall says that the fall was wrong
constexpr double kProbesWanted = 3;
constexpr double kFewFinished = 4;
// Postfix goes on saying stress for 1000 s after the last time that its processes ran out: only the first
// seconds are news, enough for three levels.
constexpr std::int64_t kStressIsNews_ms = 15000;
constexpr double kStressPressure = 1.25;

// a - b for times; a clock that has gone mad gives the nearest value there is.
std::int64_t since(std::int64_t a, std::int64_t b) {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a, b, &difference)) return difference;
    return a < b ? INT64_MIN : INT64_MAX;
}

std::int64_t later(std::int64_t time, std::int64_t by_ms) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(time, by_ms, &sum)) return sum;
    return by_ms < 0 ? INT64_MIN : INT64_MAX;
}

struct Worst {
    double pressure = 0;
    LoadSignal signal = LoadSignal::kNone;

    // What is no number is no signal.
    void add(double value, double too_much, LoadSignal from) {
        if (!(value / too_much > pressure)) return;
        pressure = std::min(value / too_much, 1e6);
        signal = from;
    }
};

void add_own_times(Worst& worst, const LoadSample& sample, const Settings& settings) {
    const double finished = sample.finished;
    worst.add(sample.job_wait_ms.value_or(0), static_cast<double>(settings.load_job_wait),
              LoadSignal::kJobWait);
    const double weight = std::clamp((finished - 1) / kFewFinished, 0.0, 1.0);
    worst.add(sample.eom_p95_ms.value_or(0) * weight * 100,
              static_cast<double>(settings.deadline) * settings.load_eom_share, LoadSignal::kEomTime);
    if (finished > 0) {
        const double missed = sample.deadlines_missed.value_or(0) - 1 / finished;
        worst.add(missed * 100, settings.load_deadlines_share, LoadSignal::kDeadlines);
    }
}

// A few old messages are some remote host's slowness, whatever their age; many are ours.
void add_queue(Worst& worst, const QueueSample& queue, const Settings& settings) {
    const double length = static_cast<double>(queue.incoming) + static_cast<double>(queue.active);
    worst.add(length, settings.load_queue_length, LoadSignal::kQueueLength);
    if (length * 10 >= settings.load_queue_length)
        worst.add(static_cast<double>(queue.oldest_ms), static_cast<double>(settings.load_queue_age),
                  LoadSignal::kQueueAge);
}

Worst worst_signal(const LoadState& state, const LoadSample& sample, const Settings& settings) {
    Worst worst;
    add_own_times(worst, sample, settings);
    worst.add(sample.sessions_share.value_or(0) * 100, settings.load_sessions_share, LoadSignal::kSessions);
    if (sample.queue) add_queue(worst, *sample.queue, settings);
    worst.add(sample.cpu_stall.value_or(0), settings.load_cpu_stall, LoadSignal::kCpu);
    worst.add(sample.memory_stall.value_or(0), settings.load_memory_stall, LoadSignal::kMemory);
    if (sample.stress && since(sample.now_ms, state.stress_since_ms) < kStressIsNews_ms)
        worst.add(kStressPressure, 1, LoadSignal::kStress);
    return worst;
}

void shift_waits(LoadState& state, std::int64_t by_ms) {
    for (std::int64_t* time : {&state.calm_since_ms, &state.hot_since_ms, &state.stress_since_ms})
        if (*time >= 0) *time = later(*time, by_ms);
    state.level_since_ms = later(state.level_since_ms, by_ms);
}

void restart_waits(LoadState& state, std::int64_t now_ms) {
    for (std::int64_t* time : {&state.calm_since_ms, &state.hot_since_ms, &state.stress_since_ms})
        if (*time >= 0) *time = now_ms;
    state.level_since_ms = now_ms;
}

// Takes the clock on to now; returns the ms that count as seen. A pin keeps what it had left when the clock
// jumps back, and ends in time when it jumps forward.
std::int64_t pass_time(LoadState& state, std::int64_t now_ms) {
    const bool first = state.last_sample_ms < 0;
    const std::int64_t gap = first ? 0 : since(now_ms, state.last_sample_ms);
    if (first || gap < 0) restart_waits(state, now_ms);
    if (gap < 0 && state.pin) state.pin->until_ms = later(state.pin->until_ms, gap);
    if (gap > kLongestGap_ms) shift_waits(state, gap - kLongestGap_ms);
    state.last_sample_ms = now_ms;
    return std::clamp<std::int64_t>(gap, 0, kLongestGap_ms);
}

void note_stress(LoadState& state, const LoadSample& sample) {
    if (!sample.stress)
        state.stress_since_ms = -1;
    else if (state.stress_since_ms < 0)
        state.stress_since_ms = sample.now_ms;
}

void note_pressure(LoadState& state, const Worst& worst, std::int64_t elapsed_ms) {
    state.pressure = worst.pressure;
    state.signal = worst.signal;
    const double kept = std::exp(-static_cast<double>(elapsed_ms) / kSmoothing_ms);
    state.smoothed = state.smoothed * kept + std::min(worst.pressure, kMostSmoothed) * (1 - kept);
    const bool hot =
        state.pressure >= 1 || (state.hot_since_ms >= 0 && state.smoothed >= 1 && state.pressure >= kCalm);
    if (!hot)
        state.hot_since_ms = -1;
    else if (state.hot_since_ms < 0)
        state.hot_since_ms = state.last_sample_ms;
    if (state.pressure >= kCalm)
        state.calm_since_ms = -1;
    else if (state.calm_since_ms < 0)
        state.calm_since_ms = state.last_sample_ms;
}

// Probes count from the beginning of the calm: those before it met the load that is over.
void note_probes(LoadState& state, const LoadSample& sample) {
    if (state.level != kLoadBypass || state.calm_since_ms < 0) {
        state.probes = state.probes_missed = 0;
        return;
    }
    const double missed = sample.deadlines_missed.value_or(0);
    state.probes += sample.finished;
    if (missed > 0) state.probes_missed += sample.finished * std::min(missed, 1.0);
}

void change_level(LoadState& state, int step) {
    const std::int64_t now_ms = state.last_sample_ms;
    if (step > 0 && state.last_step < 0)
        state.down_failed = since(now_ms, state.level_since_ms) < kFailedWithin_ms;
    else if (step < 0 && state.last_step < 0)
        state.down_failed = false;
    state.level = static_cast<std::uint8_t>(state.level + step);
    state.level_since_ms = now_ms;
    state.last_step = static_cast<std::int8_t>(step);
    state.probes = state.probes_missed = 0;
    if (step > 0)
        state.cause = state.signal;
    else if (state.level == 0)
        state.cause = LoadSignal::kNone;
}

bool should_rise(const LoadState& state, const Settings& settings) {
    if (state.level == kLoadBypass || state.hot_since_ms < 0) return false;
    const std::int64_t now_ms = state.last_sample_ms;
    if (since(now_ms, state.hot_since_ms) < settings.load_up) return false;
    const bool settles = state.last_step > 0 && state.smoothed < kFar;
    return since(now_ms, state.level_since_ms) >= (settles ? settings.load_settle : settings.load_up);
}

// Enough probes and no more than the tolerable share at their deadline, or, when hardly any mail comes, one
// wait longer without any. Probes that went badly start the calm anew.
bool probes_allow(LoadState& state, std::int64_t overdue_ms, const Settings& settings) {
    if (state.probes_missed * 100 > state.probes * settings.load_deadlines_share) {
        state.calm_since_ms = state.last_sample_ms;
        state.probes = state.probes_missed = 0;
        return false;
    }
    return state.probes >= kProbesWanted || overdue_ms >= settings.load_down;
}

bool should_fall(LoadState& state, const Settings& settings) {
    if (state.level == 0 || state.calm_since_ms < 0) return false;
    const std::int64_t times = state.last_step <= 0 ? 1 : state.down_failed ? 3 : 2;
    const std::int64_t calm_ms =
        since(state.last_sample_ms, std::max(state.calm_since_ms, state.level_since_ms));
    const std::int64_t overdue_ms = calm_ms - times * settings.load_down;
    if (overdue_ms < 0) return false;
    return state.level != kLoadBypass || probes_allow(state, overdue_ms, settings);
}

void set_by_hand(LoadState& state, std::uint8_t level, LoadSignal cause) {
    if (state.level != level) state.level_since_ms = std::max<std::int64_t>(state.last_sample_ms, 0);
    state.level = level;
    state.cause = cause;
    state.last_step = 0;
    state.down_failed = false;
    state.probes = state.probes_missed = 0;
}

// Bounds lo <= hi, brought together by shares of their distance on a logarithmic scale, so that they never
// cross however near the operator has set them.
void close_window(LoadLimits& limits, double share_below, double share_above) {
    const double low = static_cast<double>(std::max<std::uint64_t>(limits.min_size, 1024));
    const double high = static_cast<double>(limits.max_size);
    if (high <= low) return;
    const double distance = std::log(high / low);
    limits.min_size = static_cast<std::uint64_t>(low * std::exp(distance * share_below));
    limits.max_size = static_cast<std::uint64_t>(high * std::exp(-distance * share_above));
}

// What each level leaves of the work. Chosen with bench/simulate, see doc/load.md.
struct LevelRow {
    double share_below, share_above;  // of the window, on a logarithmic scale
    std::uint8_t effort_drop;
    double yield_factor;  // of load_yield
};
constexpr LevelRow kLevels[] = {
    {0, 0, 0, 0},
    {1 / 13.0, 2 / 13.0, 1, 1},
    {2 / 13.0, 4 / 13.0, 2, 2},
    {3 / 13.0, 5 / 13.0, 3, 4},
    {4 / 13.0, 6 / 13.0, 4, 8},
};

}  // namespace

std::string_view load_signal_name(LoadSignal signal) {
    constexpr std::string_view kLoadSignalNames[] = {
        "none",      "job_wait", "eom_time", "deadlines", "sessions", "queue_length",
        "queue_age", "cpu",      "memory",   "stress",    "operator",
    };
    const auto index = static_cast<std::size_t>(signal);
    return index < std::size(kLoadSignalNames) ? kLoadSignalNames[index] : kLoadSignalNames[0];
}

LoadState next_load_state(LoadState state, const LoadSample& sample, const Settings& settings) {
    const std::int64_t elapsed_ms = pass_time(state, sample.now_ms);
    note_stress(state, sample);
    note_pressure(state, worst_signal(state, sample, settings), elapsed_ms);
    if (state.pin && sample.now_ms >= state.pin->until_ms) state = unpin_load(state);
    if (state.pin) {
        state.signal = LoadSignal::kOperator;
        return state;
    }
    if (!settings.load_control) {
        set_by_hand(state, 0, LoadSignal::kNone);
        return state;
    }
    note_probes(state, sample);
    if (should_rise(state, settings))
        change_level(state, 1);
    else if (should_fall(state, settings))
        change_level(state, -1);
    return state;
}

LoadState pin_load(LoadState state, std::uint8_t level, std::int64_t until_ms) {
    level = std::min(level, kLoadBypass);
    set_by_hand(state, level, LoadSignal::kOperator);
    state.signal = LoadSignal::kOperator;
    state.pin = LoadPin{level, until_ms};
    return state;
}

LoadState unpin_load(LoadState state) {
    if (!state.pin) return state;
    state.pin.reset();
    state.hot_since_ms = state.calm_since_ms = -1;
    if (state.signal == LoadSignal::kOperator) state.signal = LoadSignal::kNone;
    if (state.level == 0) state.cause = LoadSignal::kNone;
    return state;
}

LoadLimits load_limits(const LoadState& state, const Settings& settings) {
    const std::uint8_t level = std::min(state.level, kLoadBypass);
    // Probes in bypass see the level that comes after it.
    const LevelRow& row = kLevels[std::min<std::size_t>(level, kLoadBypass - 1)];
    LoadLimits limits;
    limits.level = level;
    limits.pressure = state.pressure;
    limits.signal = state.signal;
    limits.min_size = settings.min_size;
    limits.max_size = settings.max_size;
    if (level > 0) close_window(limits, row.share_below, row.share_above);
    const std::uint32_t effort = settings.effort;
    limits.effort_max = static_cast<std::uint8_t>(effort - std::min<std::uint32_t>(effort, row.effort_drop));
    limits.least_yield = row.yield_factor * settings.load_yield;
    limits.bypass = level == kLoadBypass;
    limits.probe_one_in = limits.bypass && !state.pin ? settings.load_probe_one_in : 0;
    return limits;
}

std::string_view load_excluded(const LoadLimits& limits, double expected_yield, std::size_t decoded_size) {
    if (limits.level == 0) return {};
    if (decoded_size < limits.min_size) return "load: smaller than the window";
    if (decoded_size > limits.max_size) return "load: larger than the window";
    if (expected_yield < limits.least_yield) return "load: saves too little for its CPU time";
    return {};
}

}  // namespace optimilter
