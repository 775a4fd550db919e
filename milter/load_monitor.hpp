// SPDX-License-Identifier: Apache-2.0
//
// Load control in the running engine: twice a second it asks the pool, the sessions, the kernel and the MTA's
// queue how it stands, lets policy/load_controller decide, and publishes on the LoadBoard what messages that
// begin now may do. Lives in the engine's main thread, so mail never waits for it. Sources and clock are
// passed in. Not thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "milter/load_board.hpp"
#include "policy/load_controller.hpp"
#include "policy/queue_sample.hpp"
#include "policy/settings.hpp"
#include "workers/pool.hpp"

namespace optimilter {

// What it asks. What has no answer is a signal that is off.
struct LoadSources {
    std::function<PoolLoad()> pool;
    std::function<std::uint32_t()> sessions;  // open connections of the MTA
    std::function<std::optional<QueueSample>()> queue;
    std::function<std::string()> why_no_queue;       // in words
    std::string pressure_folder = "/proc/pressure";  // of the kernel's pressure stall information
};

// "some avg10" of such a file, in percent; nothing where there is none (kernels without CONFIG_PSI) or it
// cannot be read as such.
std::optional<double> pressure_stall(const std::string& path);

class LoadMonitor {
  public:
    static constexpr std::int64_t kEveryMs = 500;

    // Called after the new limits are published.
    using OnChange = std::function<void(std::uint8_t from, std::uint8_t to, const LoadState& state)>;

    LoadMonitor(LoadBoard& board, LoadSources sources, OnChange on_change);

    Deadline next_due() const { return next_; }
    // Does nothing before next_due().
    void keep_sampling(const Settings& settings);
    // One sample, now_ms on the monotonic clock.
    void sample(std::int64_t now_ms, const Settings& settings);

    // The operator's word; heeded at once.
    void pin(std::uint8_t level, std::int64_t for_ms, std::int64_t now_ms, const Settings& settings);
    void unpin(const Settings& settings);

    const LoadState& state() const { return state_; }
    const LoadSample& last() const { return last_; }
    const LoadLimits& limits() const { return limits_; }
    std::uint64_t samples() const { return samples_; }
    std::string why_no_queue() const { return sources_.why_no_queue(); }

  private:
    LoadSample measure(std::int64_t now_ms, const Settings& settings);
    void move_to(const LoadState& state, const Settings& settings);

    LoadBoard& board_;
    const LoadSources sources_;
    const OnChange on_change_;
    Deadline next_ = Deadline::in_ms(0);
    LoadState state_;
    LoadSample last_;
    LoadLimits limits_;
    std::uint64_t samples_ = 0;
};

// Milliseconds on the monotonic clock, as in LoadSample::now_ms.
std::int64_t monotonic_ms(SteadyClock::time_point moment = SteadyClock::now());

}  // namespace optimilter
