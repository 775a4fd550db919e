// SPDX-License-Identifier: Apache-2.0
#include "milter/guard_counters.hpp"

#include <fmt/format.h>

namespace optimilter {

namespace {

constexpr std::string_view kGuardNames[] = {
    "sessions",       "messages",     "replaced",     "passed",        "no_engine",      "engine_died",
    "engine_timeout", "engine_wrong", "breaker_open", "session_limit", "reply_budget",   "reply_does_not_fit",
    "frame_too_long", "settings_bad", "shed",         "torn",          "breaker_opened", "kicks",
};
static_assert(std::size(kGuardNames) == static_cast<std::size_t>(GuardCounter::kCount_));

}  // namespace

std::string_view guard_counter_name(GuardCounter counter) {
    return kGuardNames[static_cast<std::size_t>(counter)];
}

std::string guard_counters_line(const GuardCounters& counters) {
    std::string line;
    for (std::size_t i = 0; i < std::size(kGuardNames); ++i) {
        line += fmt::format("{}{}={}", i == 0 ? "" : " ", kGuardNames[i],
                            counters.get(static_cast<GuardCounter>(i)));
    }
    return line;
}

}  // namespace optimilter
