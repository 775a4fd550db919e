// SPDX-License-Identifier: Apache-2.0
#include "milter/load_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "policy/quantities.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::ordered_json;

// JSON for people too: no more digits than anybody reads.
double rounded(double value) {
    return std::round(value * 1000) / 1000;
}

// A signal is told with its value, or as off and why.
class Signals {
  public:
    // why_off: null for a signal that has nothing to tell just now.
    void tell(LoadSignal signal, std::optional<double> value, const char* why_off) {
        const std::string name(load_signal_name(signal));
        if (value) {
            on_[name] = rounded(*value);
        } else if (why_off == nullptr) {
            on_[name] = nullptr;
        } else {
            off_[name] = why_off;
        }
    }
    Json on() const { return on_; }
    Json off() const { return off_; }

  private:
    Json on_ = Json::object();
    Json off_ = Json::object();
};

Signals signals_of(const LoadMonitor& load, const Settings& settings) {
    const LoadSample& sample = load.last();
    const std::string no_queue = load.why_no_queue();
    constexpr const char* kNoPressure = "this kernel does not tell it (no /proc/pressure)";
    std::optional<double> length, age_ms, cpu, memory;
    if (settings.load_cpu_stall != 0) cpu = sample.cpu_stall;
    if (settings.load_memory_stall != 0) memory = sample.memory_stall;
    if (sample.queue) {
        length = static_cast<double>(sample.queue->incoming + sample.queue->active);
        age_ms = static_cast<double>(sample.queue->oldest_ms);
    }
    Signals signals;
    signals.tell(LoadSignal::kJobWait, sample.job_wait_ms, nullptr);
    signals.tell(LoadSignal::kEomTime, sample.eom_p95_ms, nullptr);
    signals.tell(LoadSignal::kDeadlines, sample.deadlines_missed, nullptr);
    signals.tell(LoadSignal::kSessions, sample.sessions_share,
                 settings.mta_sessions == 0 ? "mta_sessions is 0" : nullptr);
    signals.tell(LoadSignal::kQueueLength, length, no_queue.c_str());
    signals.tell(LoadSignal::kQueueAge, age_ms, no_queue.c_str());
    signals.tell(LoadSignal::kCpu, cpu, settings.load_cpu_stall == 0 ? "load_cpu_stall is 0" : kNoPressure);
    signals.tell(LoadSignal::kMemory, memory,
                 settings.load_memory_stall == 0 ? "load_memory_stall is 0" : kNoPressure);
    signals.tell(LoadSignal::kStress, sample.stress ? 1.0 : 0.0, nullptr);
    return signals;
}

Json pin_json(const LoadState& state, std::int64_t now_ms) {
    if (!state.pin) return nullptr;
    Json json;
    json["level"] = state.pin->level;
    json["left_s"] = std::max<std::int64_t>(0, state.pin->until_ms - now_ms) / 1000;
    return json;
}

}  // namespace

Json load_json(const LoadMonitor& load, const Settings& settings, std::int64_t now_ms) {
    const LoadState& state = load.state();
    const LoadLimits& limits = load.limits();
    const Signals signals = signals_of(load, settings);
    Json json;
    json["level"] = state.level;
    json["level_s"] = std::max<std::int64_t>(0, now_ms - state.level_since_ms) / 1000;
    json["pressure"] = rounded(state.pressure);
    json["signal"] = load_signal_name(state.signal);
    json["cause"] = load_signal_name(state.cause);
    json["pin"] = pin_json(state, now_ms);
    json["bypass"] = limits.bypass;
    json["probe_one_in"] = limits.probe_one_in;
    json["min_size"] = limits.min_size;
    json["max_size"] = std::min(limits.max_size, settings.max_size);
    json["effort_max"] = std::min<std::uint32_t>(limits.effort_max, settings.effort);
    json["least_yield"] = rounded(limits.least_yield);
    json["workers_busy"] = rounded(load.last().workers_busy.value_or(0));
    json["backlog_ms"] = rounded(load.last().backlog_ms.value_or(0));
    json["samples"] = load.samples();
    json["signals"] = signals.on();
    json["signals_off"] = signals.off();
    return json;
}

std::string load_figures(const LoadSample& sample) {
    std::string text;
    const auto tell = [&text](const std::string& figure) { text += (text.empty() ? "" : " ") + figure; };
    if (sample.job_wait_ms) tell(fmt::format("job_wait={:.0f}ms", *sample.job_wait_ms));
    if (sample.backlog_ms) tell(fmt::format("backlog={:.0f}ms", *sample.backlog_ms));
    if (sample.eom_p95_ms) tell(fmt::format("eom_time={:.0f}ms", *sample.eom_p95_ms));
    if (sample.deadlines_missed) tell(fmt::format("deadlines={:.2f}", *sample.deadlines_missed));
    if (sample.sessions_share) tell(fmt::format("sessions={:.2f}", *sample.sessions_share));
    if (sample.queue) {
        tell(fmt::format("queue_length={}", sample.queue->incoming + sample.queue->active));
        tell(fmt::format("queue_age={}s", sample.queue->oldest_ms / 1000));
    }
    if (sample.cpu_stall) tell(fmt::format("cpu={:.0f}%", *sample.cpu_stall));
    if (sample.memory_stall) tell(fmt::format("memory={:.0f}%", *sample.memory_stall));
    if (sample.stress) tell("stress=1");
    if (sample.workers_busy) tell(fmt::format("busy={:.0f}%", *sample.workers_busy * 100));
    return text;
}

std::string load_limits_text(const LoadLimits& limits) {
    if (limits.level == 0) return "everything is worked on";
    if (limits.bypass) {
        return limits.probe_one_in == 0
                   ? "bypass: every message passes unread"
                   : fmt::format("bypass: messages pass unread, but for 1 in {}", limits.probe_one_in);
    }
    return fmt::format("attachments of {} to {}, effort {}",
                       print_size(static_cast<std::int64_t>(limits.min_size)),
                       print_size(static_cast<std::int64_t>(limits.max_size)), limits.effort_max);
}

std::string level_change_line(std::uint8_t from, const LoadMonitor& load) {
    const LoadState& state = load.state();
    return fmt::format("load: level {} to {}, cause={} pressure={:.2f} {}: {}", from, state.level,
                       load_signal_name(state.cause), state.pressure, load_figures(load.last()),
                       load_limits_text(load.limits()));
}

}  // namespace optimilter
