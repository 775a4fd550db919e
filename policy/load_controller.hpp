// SPDX-License-Identifier: Apache-2.0
//
// How much optimilter does while the mail system is busy: six levels, from everything (0) over narrower and
// narrower work (1 to 4) to bypass (5), where a message is accepted at MAIL and its body never sent. Pure
// functions of a state, a sample and the clock inside the sample: no thread, no descriptor, no clock of its
// own, so that traces are replayed on a virtual clock (tests, bench/simulate) through the very code that the
// engine runs. Up fast, down slow; bypass is left by probing. Thread safe: plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "policy/queue_sample.hpp"
#include "policy/settings.hpp"

namespace optimilter {

constexpr std::uint8_t kLoadBypass = 5;

// What can be too much. The names are those in log, status and metric.
enum class LoadSignal : std::uint8_t {
    kNone,
    kJobWait,      // job_wait: jobs wait for a worker even at the best moment of the window
    kEomTime,      // eom_time: p95 of our time at end of message, against the deadline
    kDeadlines,    // deadlines: messages that reached their deadline
    kSessions,     // sessions: our sessions beside the MTA's process limit
    kQueueLength,  // queue_length: messages in incoming and active
    kQueueAge,     // queue_age: the oldest of those
    kCpu,          // cpu: the kernel's pressure stall information
    kMemory,       // memory: the same
    kStress,       // stress: Postfix says so itself
    kOperator,     // operator: pinned
};
std::string_view load_signal_name(LoadSignal signal);

// What was seen since the sample before. Unset: not known, so no signal.
struct LoadSample {
    std::int64_t now_ms = 0;            // monotonic
    std::optional<double> job_wait_ms;  // least wait of a job for a worker in the window; 0 when none waited
    // Jobs that wait now, times the mean time of a job, by the number of workers. The same signal as
    // job_wait_ms, which tells of a flood only when its first files have waited it out.
    std::optional<double> backlog_ms;
    std::optional<double> eom_p95_ms;        // of the end-of-messages that were worked on
    std::optional<double> deadlines_missed;  // 0..1 of the same
    std::optional<double> sessions_share;    // 0..1 of the MTA's process limit
    std::optional<QueueSample> queue;
    std::optional<double> cpu_stall;     // percent of time, "some avg10"
    std::optional<double> memory_stall;  // percent of time, "some avg10"
    bool stress = false;                 // any session of the MTA told so since the last sample
    // Share of the workers' time that was used, 0..1. No signal: it tells whether there is room to do more.
    std::optional<double> workers_busy;
    // End-of-messages worked on since the last sample (probes, in bypass). eom_p95_ms and deadlines_missed
    // count for little when it is small: one slow message is no trend.
    std::uint32_t finished = 0;
};

// Held by an operator until a time, whatever the signals say.
struct LoadPin {
    std::uint8_t level = 0;
    std::int64_t until_ms = 0;  // on the clock of LoadSample::now_ms
};

struct LoadState {
    std::uint8_t level = 0;
    double pressure = 0;                    // of the last sample, 1.0 means too much
    LoadSignal signal = LoadSignal::kNone;  // the worst one of the last sample, or the operator
    LoadSignal cause = LoadSignal::kNone;   // the one that last brought the level up; at level 0 none
    std::int64_t level_since_ms = 0;
    std::int64_t calm_since_ms = -1;  // pressure low enough to go down since then; -1: it is not
    std::int64_t last_sample_ms = -1;
    double smoothed = 0;  // pressure, smoothed for going up
    std::optional<LoadPin> pin;
    std::int64_t hot_since_ms = -1;     // pressure too much since then; -1: it is not
    std::int64_t stress_since_ms = -1;  // the MTA says stress since then; -1: it does not
    std::int8_t last_step = 0;          // of the level: 1 up, -1 down, 0 neither or set by hand
    bool down_failed = false;           // the last step down was taken back at once
    double busy = -1;                   // workers_busy, smoothed; -1: not known
    double busy_at_fall = -1;           // what it was at the last step down
    // At each level: how busy the workers were when a step down from there was taken back; 0: never.
    std::array<double, kLoadBypass + 1> failed_busy{};
    double probes = 0;         // worked on in bypass while it was calm
    double probes_missed = 0;  // of those, at their deadline
};

// One step; the caller samples about twice a second, but any distance is right, and a clock that jumps back
// only restarts the waiting times.
LoadState next_load_state(LoadState state, const LoadSample& sample, const Settings& settings);

// The operator's word. until_ms as in LoadPin. unpin: the signals decide again, from the level of now.
LoadState pin_load(LoadState state, std::uint8_t level, std::int64_t until_ms);
LoadState unpin_load(LoadState state);

// What a level allows, for every message that begins now. settings' own window and effort are the widest.
struct LoadLimits {
    std::uint8_t level = 0;
    double pressure = 0;
    LoadSignal signal = LoadSignal::kNone;
    std::uint64_t min_size = 0;  // bytes, decoded, of parts that are worked on
    std::uint64_t max_size = UINT64_MAX;
    std::uint8_t effort_max = UINT8_MAX;
    double least_yield = 0;  // bytes saved a CPU ms that a kind of file has to promise (policy/yield_table)
    bool bypass = false;
    std::uint32_t probe_one_in = 0;  // in bypass: one message in so many is worked on all the same; 0: none
};
LoadLimits load_limits(const LoadState& state, const Settings& settings);

// Empty: the level allows work on such a part; else why not (static text). expected_yield as YieldTable tells
// it, decoded_size in bytes. Level 0 excludes nothing: settings' own bounds are part_excluded()'s to obey.
std::string_view load_excluded(const LoadLimits& limits, double expected_yield, std::size_t decoded_size);

}  // namespace optimilter
