// SPDX-License-Identifier: Apache-2.0
//
// Deadline: one absolute moment on the monotonic clock that travels down every call of a message; nobody
// counts time anew. Plain value, thread safe.
#pragma once

#include <chrono>
#include <cstdint>

namespace optimilter {

using SteadyClock = std::chrono::steady_clock;

class Deadline {
  public:
    // No bound at all; remaining_ms() is then very large.
    Deadline() : at_(SteadyClock::time_point::max()) {}
    explicit Deadline(SteadyClock::time_point at) : at_(at) {}
    static Deadline in_ms(std::int64_t ms) {
        return Deadline(SteadyClock::now() + std::chrono::milliseconds(ms));
    }

    bool expired() const { return short_of_time(SteadyClock::now() >= at_); }
    // Milliseconds left, rounded down, never below 0, at most 24 hours.
    std::int64_t remaining_ms() const;
    // The earlier of the two.
    Deadline earlier(Deadline other) const { return at_ < other.at_ ? *this : other; }
    // So much before this one, told to the same place.
    Deadline before(std::int64_t ms) const {
        Deadline sooner = *this;
        sooner.at_ -= std::chrono::milliseconds(ms);
        return sooner;
    }
    SteadyClock::time_point at() const { return at_; }

    // A copy that sets *felt once time has changed what was done: it, or a copy of it, was seen to have
    // passed, or short_of_time() was told so. felt outlives all copies, which stay in one thread.
    Deadline telling(bool* felt) const {
        Deadline copy = *this;
        copy.felt_ = felt;
        return copy;
    }
    // For decisions by remaining_ms(): returns its argument, after noting it.
    bool short_of_time(bool is_short) const {
        if (is_short && felt_ != nullptr) *felt_ = true;
        return is_short;
    }

  private:
    SteadyClock::time_point at_;
    bool* felt_ = nullptr;
};

// Elapsed wall time, for delays in logs.
class Stopwatch {
  public:
    double elapsed_ms() const {
        return std::chrono::duration<double, std::milli>(SteadyClock::now() - start_).count();
    }

  private:
    SteadyClock::time_point start_ = SteadyClock::now();
};

// CPU time in milliseconds (user + system) of the calling thread / of this whole process.
double thread_cpu_ms();
double process_cpu_ms();

}  // namespace optimilter
