// SPDX-License-Identifier: Apache-2.0
#include "milter/engine.hpp"

namespace optimilter {

Engine::Engine(std::shared_ptr<const RuleSet> rules, Pool& shared_pool, Counters& shared_counters)
    : pool(shared_pool),
      counters(shared_counters),
      alert_file(rules->settings->alert_file),
      alerts([this] { alert_file.changed(); }),
      rules_(std::move(rules)) {}

std::shared_ptr<const RuleSet> Engine::rules() const {
    const std::lock_guard lock(mutex_);
    return rules_;
}

void Engine::swap_rules(std::shared_ptr<const RuleSet> rules) {
    const std::lock_guard lock(mutex_);
    rules_ = std::move(rules);
}

std::vector<Expiry> Engine::expiries() const {
    std::vector<Expiry> all;
    for (const ValidUntil& until : rules()->valid_until) {
        const std::chrono::sys_seconds end = until.last_day + std::chrono::days(1);
        all.push_back({"policy " + until.file, end.time_since_epoch().count()});
    }
    return all;
}

}  // namespace optimilter
