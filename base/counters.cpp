// SPDX-License-Identifier: Apache-2.0
#include "base/counters.hpp"

#include <fmt/format.h>

namespace optimilter {

namespace {

constexpr std::string_view kNames[] = {
    "messages",          "messages_replaced", "messages_passed", "messages_shed",     "messages_drained",
    "messages_bypassed", "messages_probed",   "bytes_in",        "bytes_out",         "parts_optimized",
    "parts_kept",        "parts_untouchable", "parts_malformed", "parts_over_budget", "parts_load",
    "workers_started",   "workers_died",      "workers_killed",  "replies_refused",   "deadlines_missed",
    "cache_hits",        "cache_misses",      "cache_stored",
};
static_assert(std::size(kNames) == static_cast<std::size_t>(Counter::kCount_));

}  // namespace

std::string_view counter_name(Counter counter) {
    return kNames[static_cast<std::size_t>(counter)];
}

std::string counters_line(const Counters& counters) {
    std::string line;
    for (std::size_t i = 0; i < std::size(kNames); ++i) {
        line += fmt::format("{}{}={}", i == 0 ? "" : " ", kNames[i], counters.get(static_cast<Counter>(i)));
    }
    return line;
}

}  // namespace optimilter
