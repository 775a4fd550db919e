// SPDX-License-Identifier: Apache-2.0
//
// Decides when an engine that hangs is left alone: after so many time-outs in a row nothing is sent to it,
// until it answers a probe. Pure: the clock is passed in. Not thread safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace optimilter {

class CircuitBreaker {
  public:
    using Time = SteadyClock::time_point;

    // timeouts: in a row, that open it. first_probe_ms: from then to the first probe; doubles up to a minute.
    CircuitBreaker(std::uint32_t timeouts, std::int64_t first_probe_ms)
        : limit_(timeouts), first_probe_(first_probe_ms), wait_(first_probe_) {}
    void configure(std::uint32_t timeouts, std::int64_t first_probe_ms) {
        limit_ = timeouts;
        first_probe_ = std::chrono::milliseconds(first_probe_ms);
    }

    bool open() const { return open_; }

    // A message's answer did not come in time. true: that opened it.
    bool timed_out(Time now) {
        if (open_ || ++timeouts_ < limit_) return false;
        open_ = true;
        probe_at_ = now + wait_;
        return true;
    }
    // An end-of-message was answered in time.
    void answered() {
        timeouts_ = 0;
        wait_ = first_probe_;
    }

    bool probe_due(Time now) const { return open_ && now >= probe_at_; }
    void probe_failed(Time now) {
        wait_ = std::min<Wait>(wait_ * 2, std::chrono::minutes(1));
        probe_at_ = now + wait_;
    }
    // Closes it. An answer to a probe is less than one to a message, so the next time-out opens it again, for
    // longer.
    void probe_answered() {
        open_ = false;
        timeouts_ = limit_ - 1;
        wait_ = std::min<Wait>(wait_ * 2, std::chrono::minutes(1));
    }

  private:
    using Wait = std::chrono::milliseconds;

    std::uint32_t limit_;
    Wait first_probe_, wait_;
    std::uint32_t timeouts_ = 0;
    bool open_ = false;
    Time probe_at_{};
};

}  // namespace optimilter
