// SPDX-License-Identifier: Apache-2.0
#include "policy/load_controller.hpp"

#include <algorithm>
#include <cmath>

namespace optimilter {

namespace {

constexpr double kCalm = 0.75;       // below this share of "too much" the level may fall
constexpr double kStrong = 2;        // pressure that needs no time to be believed
constexpr int kMildTimes = 4;        // times load_up, for one that does
constexpr double kFar = 4;           // smoothed pressure from which a level is given no time to settle
constexpr double kMostSmoothed = 8;  // one wild sample must not stand for many
constexpr double kSmoothing_ms = 2000;
constexpr std::int64_t kLongestGap_ms = 10000;    // nobody saw what happened in a longer one
constexpr std::int64_t kFailedWithin_ms = 60000;  // a rise so soon after a fall says that the fall was wrong
constexpr double kBusySmoothing_ms = 10000;
constexpr double kRoom = 0.85;  // busier workers have none for the work of a lower level
constexpr int kTryAnyway = 20;  // times load_down, after which a fall is tried though there seems no room
constexpr int kPatience = 6;    // times load_settle that a falling pressure is given
constexpr double kProbesWanted = 3;
constexpr double kFewFinished = 4;
// Postfix goes on saying stress for 1000 s after the last time that its processes ran out: only the first
// seconds are news, enough for three levels.
constexpr std::int64_t kStressIsNews_ms = 15000;
constexpr double kStressPressure = kStrong;
constexpr double kFull = 5;  // pressure of sessions when all are taken

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

    // What is no number, and what has no limit, is no signal.
    void add(double value, double too_much, LoadSignal from) {
        if (!(too_much > 0 && value / too_much > pressure)) return;
        pressure = std::min(value / too_much, 1e6);
        signal = from;
    }
};

void add_own_times(Worst& worst, const LoadSample& sample, const Settings& settings) {
    const double finished = sample.finished;
    worst.add(sample.job_wait_ms.value_or(0), static_cast<double>(settings.load_job_wait),
              LoadSignal::kJobWait);
    worst.add(sample.backlog_ms.value_or(0), static_cast<double>(settings.load_job_wait),
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

// Above the limit it is the rest that counts: with none left the MTA turns clients away, which is far too
// much.
void add_sessions(Worst& worst, double share, const Settings& settings) {
    const double limit = settings.load_sessions_share / 100.0;
    worst.add(share, limit, LoadSignal::kSessions);
    if (share > limit && limit < 1)
        worst.add(1 + (kFull - 1) * std::min((share - limit) / (1 - limit), 1.0), 1, LoadSignal::kSessions);
}

Worst worst_signal(const LoadState& state, const LoadSample& sample, const Settings& settings) {
    Worst worst;
    add_own_times(worst, sample, settings);
    add_sessions(worst, sample.sessions_share.value_or(0), settings);
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

void note_busy(LoadState& state, std::optional<double> busy, std::int64_t elapsed_ms) {
    if (!busy || std::isnan(*busy)) {
        state.busy = -1;
        return;
    }
    const double now = std::clamp(*busy, 0.0, 1.0);
    const double kept = state.busy < 0 ? 0 : std::exp(-static_cast<double>(elapsed_ms) / kBusySmoothing_ms);
    state.busy = state.busy * kept + now * (1 - kept);
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

// What the step down before this step was worth: is it taken back, or did it hold?
void judge_last_fall(LoadState& state, int step) {
    const bool failed = step > 0 && since(state.last_sample_ms, state.level_since_ms) < kFailedWithin_ms;
    state.down_failed = failed;
    state.failed_busy[state.level + 1u] = failed ? std::max(state.busy_at_fall, 0.0) : 0;
}

void change_level(LoadState& state, int step) {
    if (state.last_step < 0) judge_last_fall(state, step);
    if (step < 0) state.busy_at_fall = state.busy;
    state.level = static_cast<std::uint8_t>(state.level + step);
    state.level_since_ms = state.last_sample_ms;
    state.last_step = static_cast<std::int8_t>(step);
    state.probes = state.probes_missed = 0;
    if (step > 0)
        state.cause = state.signal;
    else if (state.level == 0)
        state.cause = LoadSignal::kNone;
}

// How long the level of now must have had its chance before the next one. What has piled up before a level
// was right drains for a while, or gives up at its deadline: a pressure that falls is let fall, and a level
// that was right before a fall that failed is likely to be right again.
std::int64_t rise_after_ms(const LoadState& state, bool falling, const Settings& settings) {
    if (state.last_step <= 0) return settings.load_up;
    const bool far = state.smoothed >= kFar;
    if (falling || (state.down_failed && !far)) return kPatience * settings.load_settle;
    return far && !state.down_failed ? settings.load_up : settings.load_settle;
}

// Bypass gives up what still gets done at level 4, and it takes long to come back from there: chance alone, a
// few large messages at once, must not lead to it.
std::int64_t hot_for_ms(const LoadState& state, const Settings& settings) {
    if (state.level + 1 < kLoadBypass) return (state.pressure >= kStrong ? 1 : kMildTimes) * settings.load_up;
    return state.smoothed >= kFar ? settings.load_settle : kPatience * settings.load_settle;
}

bool should_rise(const LoadState& state, bool falling, const Settings& settings) {
    if (state.level == kLoadBypass || state.hot_since_ms < 0) return false;
    const std::int64_t hot_ms = since(state.last_sample_ms, state.hot_since_ms);
    const std::int64_t at_level_ms = since(state.last_sample_ms, state.level_since_ms);
    return std::min(hot_ms, at_level_ms) >= hot_for_ms(state, settings) &&
           at_level_ms >= rise_after_ms(state, falling, settings);
}

// Would the workers have time for what a lower level lets in? Probes are the work of level 4, thinned out.
bool has_room(const LoadState& state, const Settings& settings) {
    if (state.busy < 0) return true;
    const double times = state.level == kLoadBypass ? settings.load_probe_one_in : 1;
    const double failed_busy = state.failed_busy[state.level];
    return state.busy * times < kRoom && (failed_busy == 0 || state.busy < kRoom * failed_busy);
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
    if (!has_room(state, settings) && calm_ms < kTryAnyway * settings.load_down) return false;
    return state.level != kLoadBypass || probes_allow(state, overdue_ms, settings);
}

void set_by_hand(LoadState& state, std::uint8_t level, LoadSignal cause) {
    if (state.level != level) state.level_since_ms = std::max<std::int64_t>(state.last_sample_ms, 0);
    state.level = level;
    state.cause = cause;
    state.last_step = 0;
    state.down_failed = false;
    state.failed_busy.fill(0);
    state.probes = state.probes_missed = 0;
}

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
    note_busy(state, sample.workers_busy, elapsed_ms);
    const double smoothed_before = state.smoothed;
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
    if (should_rise(state, state.pressure < smoothed_before, settings))
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

}  // namespace optimilter
