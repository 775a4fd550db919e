// SPDX-License-Identifier: Apache-2.0
//
// Results in memory, bounded in bytes: the one not asked for longest goes first. Thread safe.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>

#include "base/digest.hpp"
#include "store/stored_result.hpp"

namespace optimilter {

class MemoryCache {
  public:
    // limit_bytes: of all results together; 0 keeps nothing.
    explicit MemoryCache(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

    std::optional<StoredResult> find(const Digest& key);
    // Replaces one of the same key. A result of more than an eighth of the limit is not kept: it would drive
    // out too many others.
    void keep(const Digest& key, StoredResult result);

    std::size_t bytes() const;
    std::size_t entries() const;

  private:
    struct Entry {
        Digest key;
        StoredResult result;
    };
    using Order = std::list<Entry>;

    void drop(Order::iterator entry);

    const std::size_t limit_bytes_;
    mutable std::mutex mutex_;
    std::size_t bytes_ = 0;                     // guarded by mutex_
    Order order_;                               // guarded by mutex_; last asked for first
    std::map<Digest, Order::iterator> places_;  // guarded by mutex_
};

}  // namespace optimilter
