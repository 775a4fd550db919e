// SPDX-License-Identifier: Apache-2.0
//
// What the engine has done since its start, as plain counts. One table names them all; the names are the keys
// of the statistics log line (optimilter-engine(8)). Thread safe (relaxed atomics: counts, no order).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace optimilter {

enum class Counter {
    kMessages,          // messages seen to their end
    kMessagesReplaced,  // messages whose body was replaced
    kMessagesPassed,    // messages passed unchanged
    kMessagesShed,      // passed without reading the body: budgets
    kMessagesDrained,   // passed unread: draining or stopping
    kMessagesBypassed,  // passed unread: load
    kMessagesProbed,    // worked on all the same, to see whether the load is gone
    kBytesIn,           // body bytes of messages seen
    kBytesOut,          // body bytes of the same messages as they left
    kPartsOptimized,    // parts replaced
    kPartsKept,         // parts looked at and kept
    kPartsUntouchable,  // ... of those: signed, encrypted, excluded
    kPartsMalformed,    // ... of those: broken bytes
    kPartsOverBudget,   // ... of those: deadline, limits, no worker free
    kPartsLoad,         // ... of those: left out at this level of load
    kWorkersStarted,    // workers forked
    kWorkersDied,       // workers that crashed by themselves
    kWorkersKilled,     // workers killed at the deadline
    kRepliesRefused,    // worker replies that broke the rules
    kDeadlinesMissed,   // messages that reached their deadline
    kCacheHits,         // parts whose result was remembered
    kCacheMisses,       // parts whose result was not
    kCacheStored,       // results taken note of
    kCount_
};

struct Counters {
    std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Counter::kCount_)> values{};

    void add(Counter counter, std::uint64_t n = 1) {
        values[static_cast<std::size_t>(counter)].fetch_add(n, std::memory_order_relaxed);
    }
    std::uint64_t get(Counter counter) const {
        return values[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
    }
};

std::string_view counter_name(Counter counter);
// "messages=1 messages_replaced=0 ...", every counter in the order of the table.
std::string counters_line(const Counters& counters);

}  // namespace optimilter
