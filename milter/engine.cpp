// SPDX-License-Identifier: Apache-2.0
#include "milter/engine.hpp"

namespace optimilter {

void InFlight::begin() {
    const std::lock_guard lock(mutex_);
    ++count_;
}

void InFlight::end() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
}

bool InFlight::wait_none(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, at_most, [this] { return count_ == 0; });
}

std::shared_ptr<const Settings> Engine::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void Engine::swap_settings(std::shared_ptr<const Settings> settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
}

}  // namespace optimilter
