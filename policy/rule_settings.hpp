// SPDX-License-Identifier: Apache-2.0
//
// Which settings a rule may set (policy/rule_settings.def), and the settings for recipients whose rules
// differ. Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/settings.hpp"

namespace optimilter {

enum class RuleScope : std::uint8_t { kPart, kMessage };

// What merging does with a setting.
enum class LeastChange : std::uint8_t { kLowest, kHighest, kScale, kBoth, kEither, kBefore };

struct RuleSetting {
    std::string_view name;
    RuleScope scope;
    LeastChange least;
};
// In the order of the table.
const std::vector<RuleSetting>& rule_settings();
// Nothing: no rule may set it.
std::optional<RuleScope> rule_scope(std::string_view name);
// "the lowest", "the highest", ... as in the man page.
std::string_view least_change_words(LeastChange least);

// Changes into, setting by setting, to what does less of the two. Both: with_profile().
void take_least_change(Settings& into, const Settings& other);

}  // namespace optimilter
