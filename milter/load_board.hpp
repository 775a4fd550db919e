// SPDX-License-Identifier: Apache-2.0
//
// Where sessions and load control meet: sessions read here what they may do, and leave what they saw. Decides
// nothing (policy/load_controller does) and reads nothing of the machine (milter/load_monitor does). Thread
// safe; every call is short, so that mail never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "policy/load_controller.hpp"

namespace optimilter {

class LoadBoard {
  public:
    // What was seen of late: by messages, within kWindow.
    static constexpr auto kWindow = std::chrono::seconds(5);
    static constexpr std::size_t kMost = 2048;  // remembered; older ones go

    // --- sessions
    LoadLimits limits() const;
    // In bypass: is this message the one of so many that is worked on all the same?
    bool take_probe(std::uint32_t one_in) { return one_in != 0 && ++passed_ % one_in == 0; }
    // An end-of-message that was worked on took so long.
    void finished(double took_ms, bool missed_deadline, SteadyClock::time_point now = SteadyClock::now());
    // A session of the MTA was told that the MTA is under stress.
    void stressed(SteadyClock::time_point now = SteadyClock::now());

    // --- the monitor
    struct Seen {
        std::optional<double> eom_p95_ms;        // within kWindow; unset: none was worked on
        std::optional<double> deadlines_missed;  // 0..1 of the same
        std::uint32_t finished = 0;              // since the last call
        bool stress = false;
    };
    Seen look(SteadyClock::time_point now = SteadyClock::now());
    // Another level forgets the times taken at the one before: they say nothing of it.
    void publish(const LoadLimits& limits);

  private:
    struct Finished {
        SteadyClock::time_point at;
        float took_ms;
        bool missed_deadline;
    };

    std::atomic<std::uint32_t> passed_{0};
    mutable std::mutex mutex_;
    // All below guarded by mutex_.
    LoadLimits limits_;
    std::vector<Finished> finished_;  // a ring: newest_ is where the next one goes
    std::size_t newest_ = 0;
    std::uint32_t fresh_ = 0;  // since the last look
    std::optional<SteadyClock::time_point> stressed_at_;
};

}  // namespace optimilter
