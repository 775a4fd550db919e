// SPDX-License-Identifier: Apache-2.0
#include "milter/engine.hpp"

namespace optimilter {

std::shared_ptr<const RuleSet> Engine::rules() const {
    const std::lock_guard lock(mutex_);
    return rules_;
}

void Engine::swap_rules(std::shared_ptr<const RuleSet> rules) {
    const std::lock_guard lock(mutex_);
    rules_ = std::move(rules);
}

}  // namespace optimilter
