// SPDX-License-Identifier: Apache-2.0
#include "milter/engine.hpp"

namespace optimilter {

std::shared_ptr<const Settings> Engine::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void Engine::swap_settings(std::shared_ptr<const Settings> settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
}

}  // namespace optimilter
