// SPDX-License-Identifier: Apache-2.0
#include "milter/load_monitor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/unique_fd.hpp"

namespace optimilter {

std::int64_t monotonic_ms(SteadyClock::time_point moment) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(moment.time_since_epoch()).count();
}

// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", then a line that begins with "full".
std::optional<double> pressure_stall(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return std::nullopt;
    std::array<char, 256> bytes;
    const ssize_t size = ::read(fd.get(), bytes.data(), bytes.size());
    if (size <= 0) return std::nullopt;
    constexpr std::string_view kBegin = "some avg10=";
    const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
    if (!text.starts_with(kBegin)) return std::nullopt;
    double percent = 0;
    const char* const begin = text.data() + kBegin.size();
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), percent);
    const bool whole = error == std::errc() && end != text.data() + text.size() && *end == ' ';
    if (!whole || !(percent >= 0 && percent <= 100)) return std::nullopt;
    return percent;
}

LoadMonitor::LoadMonitor(LoadBoard& board, LoadSources sources, OnChange on_change)
    : board_(board), sources_(std::move(sources)), on_change_(std::move(on_change)) {}

void LoadMonitor::keep_sampling(const Settings& settings) {
    if (!next_.expired()) return;
    next_ = Deadline::in_ms(kEveryMs);
    sample(monotonic_ms(), settings);
}

void LoadMonitor::sample(std::int64_t now_ms, const Settings& settings) {
    last_ = measure(now_ms, settings);
    ++samples_;
    move_to(next_load_state(state_, last_, settings), settings);
}

LoadSample LoadMonitor::measure(std::int64_t now_ms, const Settings& settings) {
    const SteadyClock::time_point now{std::chrono::milliseconds(now_ms)};
    const LoadBoard::Seen seen = board_.look(now);
    LoadSample sample;
    sample.now_ms = now_ms;
    const PoolLoad pool = sources_.pool();
    sample.job_wait_ms = pool.least_wait_ms;
    sample.backlog_ms = pool.backlog_ms;
    sample.workers_busy = pool.busy;
    sample.eom_p95_ms = seen.eom_p95_ms;
    sample.deadlines_missed = seen.deadlines_missed;
    if (settings.mta_sessions != 0)
        sample.sessions_share = static_cast<double>(sources_.sessions()) / settings.mta_sessions;
    sample.queue = sources_.queue();
    sample.cpu_stall = pressure_stall(sources_.pressure_folder + "/cpu");
    sample.memory_stall = pressure_stall(sources_.pressure_folder + "/memory");
    sample.stress = seen.stress;
    sample.finished = seen.finished;
    return sample;
}

void LoadMonitor::pin(std::uint8_t level, std::int64_t for_ms, std::int64_t now_ms,
                      const Settings& settings) {
    move_to(pin_load(state_, level, now_ms + for_ms), settings);
}

void LoadMonitor::unpin(const Settings& settings) {
    move_to(unpin_load(state_), settings);
}

void LoadMonitor::move_to(const LoadState& state, const Settings& settings) {
    const std::uint8_t from = std::exchange(state_, state).level;
    limits_ = load_limits(state_, settings);
    board_.publish(limits_);
    if (state_.level != from) on_change_(from, state_.level, state_);
}

}  // namespace optimilter
