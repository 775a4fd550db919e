// SPDX-License-Identifier: Apache-2.0
//
// Budget: what one top-level file may cost. It is spent, never reset, on the way down into containers, so
// that no nesting multiplies it. Single-threaded: one job, one Budget.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

class Budget {
  public:
    Budget(Deadline deadline, const Options& options)
        : deadline_(deadline.telling(&cut_short_)),
          pixels_(options.max_pixels),
          expanded_bytes_(options.max_expanded_bytes),
          entries_(options.max_entries) {}

    Budget(const Budget&) = delete;
    Budget& operator=(const Budget&) = delete;

    Deadline deadline() const { return deadline_; }
    bool expired() const { return deadline_.expired(); }
    // True when more time could have given another result: such a one is not worth remembering. Holds as long
    // as all decisions by Deadline::remaining_ms() are told to Deadline::short_of_time().
    bool cut_short() const { return cut_short_; }

    // Each takes n from what is left; false, and nothing taken, when there is less.
    bool spend_pixels(std::uint64_t n) { return spend(pixels_, n); }
    bool spend_expanded_bytes(std::uint64_t n) { return spend(expanded_bytes_, n); }
    bool spend_entries(std::uint64_t n) { return spend(entries_, n); }

    std::uint64_t pixels_left() const { return pixels_; }
    std::uint64_t expanded_bytes_left() const { return expanded_bytes_; }

  private:
    friend class ReservedTime;

    static bool spend(std::uint64_t& left, std::uint64_t n) {
        if (n > left) return false;
        left -= n;
        return true;
    }

    mutable bool cut_short_ = false;
    Deadline deadline_;
    std::uint64_t pixels_;
    std::uint64_t expanded_bytes_;
    std::uint64_t entries_;
};

// While it lives the deadline comes earlier: for a container that has work of its own after its members'. At
// most half of the time that is left, so that members of many containers still find some.
class ReservedTime {
  public:
    ReservedTime(Budget& budget, std::int64_t ms) : budget_(budget), previous_(budget.deadline_) {
        const std::int64_t half = previous_.remaining_ms() / 2;
        budget.deadline_ = previous_.before(ms < half ? ms : half);
    }
    ~ReservedTime() { budget_.deadline_ = previous_; }
    ReservedTime(const ReservedTime&) = delete;
    ReservedTime& operator=(const ReservedTime&) = delete;

  private:
    Budget& budget_;
    Deadline previous_;
};

}  // namespace optimilter
