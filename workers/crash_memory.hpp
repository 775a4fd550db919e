// SPDX-License-Identifier: Apache-2.0
//
// The digests of inputs that killed a worker, so that none kills a second one soon: after an hour it may try
// again, since another library may be in place or memory free again. Bounded: the one not seen for longest
// goes first. Thread safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>

#include "base/clock.hpp"
#include "base/digest.hpp"

namespace optimilter {

class CrashMemory {
  public:
    // capacity: how many digests are kept; 0 remembers nothing.
    explicit CrashMemory(std::size_t capacity) : capacity_(capacity) {}

    static constexpr std::chrono::hours kRemembered{1};

    void remember(const Digest& digest, SteadyClock::time_point now = SteadyClock::now());
    // True when the digest is remembered. That counts as seen for its place, not for its time.
    bool knows(const Digest& digest, SteadyClock::time_point now = SteadyClock::now());

  private:
    struct Entry {
        Digest digest;
        SteadyClock::time_point until;
    };
    using Order = std::list<Entry>;

    const std::size_t capacity_;
    std::mutex mutex_;
    Order order_;                               // guarded by mutex_; last seen first
    std::map<Digest, Order::iterator> places_;  // guarded by mutex_
};

}  // namespace optimilter
