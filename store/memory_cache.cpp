// SPDX-License-Identifier: Apache-2.0
#include "store/memory_cache.hpp"

#include <utility>

namespace optimilter {

std::optional<StoredResult> MemoryCache::find(const Digest& key) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(key);
    if (place == places_.end()) return std::nullopt;
    order_.splice(order_.begin(), order_, place->second);
    return place->second->result;
}

void MemoryCache::drop(Order::iterator entry) {
    bytes_ -= entry->result.size();
    places_.erase(entry->key);
    order_.erase(entry);
}

void MemoryCache::keep(const Digest& key, StoredResult result) {
    constexpr std::size_t kLargestShare = 8;
    const std::size_t size = result.size();
    if (size > limit_bytes_ / kLargestShare) return;
    const std::lock_guard lock(mutex_);
    if (const auto place = places_.find(key); place != places_.end()) drop(place->second);
    order_.push_front({key, std::move(result)});
    places_[key] = order_.begin();
    bytes_ += size;
    while (bytes_ > limit_bytes_) drop(std::prev(order_.end()));
}

std::size_t MemoryCache::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

std::size_t MemoryCache::entries() const {
    const std::lock_guard lock(mutex_);
    return order_.size();
}

}  // namespace optimilter
