// SPDX-License-Identifier: Apache-2.0
//
// Keeps the latest sample of every queue watch and adds them up: how full the MTA's queue is now, or why that
// is not known. A source that falls silent is forgotten. Knows no socket and no clock: the caller passes the
// monotonic time in ms. One thread at a time.
//
// Security: the samples come from outside (policy/queue_record has checked each). Held are at most
// kMostSources of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/queue_record.hpp"
#include "policy/queue_sample.hpp"

namespace optimilter {

class QueueMonitor {
  public:
    static constexpr std::size_t kMostSources = 16;
    // A sample is good for so many of its own intervals.
    static constexpr std::int64_t kIntervalsKept = 5;

    struct Source {
        QueueRecord record;
        std::int64_t came_ms = 0;
    };

    // why_closed: no sample can come at all; empty: they can.
    explicit QueueMonitor(std::string why_closed = {}) : why_closed_(std::move(why_closed)) {}

    // Takes the place of the sample before of the same source. A new source beyond kMostSources is refused.
    void take(QueueRecord record, std::int64_t now_ms);
    // A datagram that was none of ours.
    void note_refused() { ++refused_; }

    // All sources that are not silent, added up; the age is the largest. Empty when none of them can read a
    // queue: then the queue is no signal.
    std::optional<QueueSample> latest(std::int64_t now_ms) const;
    // Why latest() is empty, in words; empty when it is not.
    std::string why_off(std::int64_t now_ms) const;

    // Those that are not silent.
    std::vector<Source> sources(std::int64_t now_ms) const;
    std::uint64_t taken() const { return taken_; }
    std::uint64_t refused() const { return refused_; }

  private:
    const std::string why_closed_;
    std::vector<Source> sources_;
    std::optional<std::int64_t> last_came_ms_;
    std::uint64_t taken_ = 0, refused_ = 0;
};

}  // namespace optimilter
