// SPDX-License-Identifier: Apache-2.0
//
// What the guard has done since its start. One table; the names are the keys of its status and of its log
// line (optimilterd(8)). Plain numbers: the guard has one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace optimilter {

enum class GuardCounter {
    kSessions,          // connections of the MTA
    kMessages,          // messages that an answer was given for
    kReplaced,          // ... of those: with a new body
    kPassed,            // ... of those: passed by the guard itself, for one of the reasons below
    kPassedNoEngine,    // the engine could not be reached
    kPassedDied,        // the engine closed the connection
    kPassedTimeout,     // the engine did not answer in time
    kPassedWrong,       // the engine gave an answer that it must not
    kPassedBreaker,     // the circuit breaker was open
    kPassedSessions,    // more connections than guard_sessions
    kPassedBudget,      // guard_reply_budget was used up
    kPassedDoesNotFit,  // the answer was larger than the socket buffer
    kPassedTooLong,     // the MTA sent a frame that is too long to relay
    kPassedSettings,    // the settings file had problems at the start
    kShed,              // connections closed at once: no descriptor or memory left
    kTorn,              // answers that the socket buffer took in several pieces
    kBreakerOpened,     // times the circuit breaker opened
    kKicks,             // wake-ups sent to libmilter's worker pool
    kCount_
};

class GuardCounters {
  public:
    void add(GuardCounter counter) { ++values_[static_cast<std::size_t>(counter)]; }
    std::uint64_t get(GuardCounter counter) const { return values_[static_cast<std::size_t>(counter)]; }

  private:
    std::array<std::uint64_t, static_cast<std::size_t>(GuardCounter::kCount_)> values_{};
};

std::string_view guard_counter_name(GuardCounter counter);
// "sessions=1 messages=0 ...", every counter in the order of the table.
std::string guard_counters_line(const GuardCounters& counters);

}  // namespace optimilter
