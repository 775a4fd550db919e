// SPDX-License-Identifier: Apache-2.0
#include "workers/crash_memory.hpp"

namespace optimilter {

void CrashMemory::remember(const Digest& digest) {
    if (capacity_ == 0 || knows(digest)) return;
    const std::lock_guard lock(mutex_);
    // Another thread may have met the same input at the same time.
    if (places_.count(digest) != 0) return;
    order_.push_front(digest);
    places_[digest] = order_.begin();
    if (order_.size() <= capacity_) return;
    places_.erase(order_.back());
    order_.pop_back();
}

bool CrashMemory::knows(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(digest);
    if (place == places_.end()) return false;
    order_.splice(order_.begin(), order_, place->second);
    return true;
}

}  // namespace optimilter
