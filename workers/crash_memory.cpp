// SPDX-License-Identifier: Apache-2.0
#include "workers/crash_memory.hpp"

namespace optimilter {

void CrashMemory::remember(const Digest& digest, SteadyClock::time_point now) {
    if (capacity_ == 0) return;
    const std::lock_guard lock(mutex_);
    if (const auto place = places_.find(digest); place != places_.end()) order_.erase(place->second);
    order_.push_front({digest, now + kRemembered});
    places_[digest] = order_.begin();
    if (order_.size() <= capacity_) return;
    places_.erase(order_.back().digest);
    order_.pop_back();
}

bool CrashMemory::knows(const Digest& digest, SteadyClock::time_point now) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(digest);
    if (place == places_.end()) return false;
    if (now >= place->second->until) {
        order_.erase(place->second);
        places_.erase(place);
        return false;
    }
    order_.splice(order_.begin(), order_, place->second);
    return true;
}

}  // namespace optimilter
