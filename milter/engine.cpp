// SPDX-License-Identifier: Apache-2.0
#include "milter/engine.hpp"

namespace optimilter {

Engine::Engine(std::shared_ptr<const Settings> settings, Pool& shared_pool, Counters& shared_counters)
    : pool(shared_pool),
      counters(shared_counters),
      alert_file(settings->alert_file),
      alerts([this] { alert_file.changed(); }),
      settings_(std::move(settings)) {}

std::shared_ptr<const Settings> Engine::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

void Engine::swap_settings(std::shared_ptr<const Settings> settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
}

std::vector<Expiry> Engine::expiries() const {
    const std::lock_guard lock(mutex_);
    return expiries_;
}

void Engine::set_expiries(std::vector<Expiry> expiries) {
    const std::lock_guard lock(mutex_);
    expiries_ = std::move(expiries);
}

}  // namespace optimilter
