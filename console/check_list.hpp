// SPDX-License-Identifier: Apache-2.0
//
// What a look at the own machine found: a list of checks, each with a state and a reason with figures, as a
// table for people and as JSON. Knows nothing of how a check is made. Thread safe: plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

enum class CheckState { kOk, kWarn, kFail };

struct Check {
    std::string name;  // one of check_names()
    CheckState state = CheckState::kOk;
    std::string reason;  // one line; foreign text is cleaned
};
using CheckList = std::vector<Check>;

// Every name, in the order in which selfcheck reports them.
std::vector<std::string_view> check_names();
std::string_view check_state_word(CheckState state);
CheckState worst_state(const CheckList& checks);

// One line a check: state, name, reason.
std::string check_table(const CheckList& checks);
// One line: {"state": worst, "checks": [{"name", "state", "reason"}]}.
std::string check_json(const CheckList& checks);

}  // namespace optimilter
