// SPDX-License-Identifier: Apache-2.0
//
// The digests of inputs that killed a worker, so that none kills a second one. Bounded: the one not seen for
// longest goes first. Thread safe.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>

#include "base/digest.hpp"

namespace optimilter {

class CrashMemory {
  public:
    // capacity: how many digests are kept; 0 remembers nothing.
    explicit CrashMemory(std::size_t capacity) : capacity_(capacity) {}

    void remember(const Digest& digest);
    // True when the digest is remembered; that counts as seen.
    bool knows(const Digest& digest);

  private:
    using Order = std::list<Digest>;

    const std::size_t capacity_;
    std::mutex mutex_;
    Order order_;                               // guarded by mutex_; last seen first
    std::map<Digest, Order::iterator> places_;  // guarded by mutex_
};

}  // namespace optimilter
