// SPDX-License-Identifier: Apache-2.0
//
// Rules from text, for tests of what is done with them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "check.hpp"
#include "policy/rule_set.hpp"

namespace optimilter {

inline std::string all_problems(const LoadedRules& loaded) {
    std::string text;
    for (const SettingsProblem& problem : loaded.problems) text += problem.text + "\n";
    return text;
}

inline std::shared_ptr<const RuleSet> rules_from(std::string_view toml, const Settings& settings = {}) {
    LoadedRules loaded =
        parse_rules({{"p.toml", std::string(toml)}}, std::make_shared<const Settings>(settings));
    CHECK_EQ(all_problems(loaded), "");
    return loaded.rules;
}

}  // namespace optimilter
