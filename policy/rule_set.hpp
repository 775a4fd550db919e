// SPDX-License-Identifier: Apache-2.0
//
// All rules of policy_dir with the settings they are laid over, read and checked once. An immutable snapshot:
// a reload makes a new one, and a message keeps the one it began with. What a message makes of it is
// policy/message_policy. Thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rule_conditions.hpp"
#include "policy/settings.hpp"

namespace optimilter {

struct Rule {
    std::string name;   // letters, digits, "_", ".", "-"; unique
    std::string place;  // "file:line"
    RuleConditions when;
    std::string leave_alone;                   // the reason; empty: it does not say so
    std::shared_ptr<const Settings> settings;  // the base with "then" laid over
    std::vector<std::string> then;             // the lines of "then" as TOML, for people
};

// The end of a file's life, which its author has set.
struct ValidUntil {
    std::chrono::sys_days last_day;  // of validity, UTC
    std::string file;

    bool past(std::chrono::sys_seconds now) const { return now >= last_day + std::chrono::days(1); }
};
// "2026-12-31".
std::string print_day(std::chrono::sys_days day);

struct RuleSet {
    std::shared_ptr<const Settings> settings;  // what counts where no rule does; never null
    std::vector<Rule> rules;                   // in the order in which they are asked
    std::vector<std::string> header_names;     // in lower case: PolicyFacts::headers has a row for each
    std::vector<std::string> files;            // read, in order
    std::vector<ValidUntil> valid_until;       // of those files that have one
    std::vector<std::string> warnings;         // "file:line: ...": legal, but probably not meant

    // For status and alerts: when the first file goes out of date.
    std::optional<ValidUntil> earliest_valid_until() const;
};

struct LoadedRules {
    std::shared_ptr<const RuleSet> rules;   // null when there are problems
    std::vector<SettingsProblem> problems;  // "file:line: what is wrong"
    bool ok() const { return problems.empty(); }
};

// No rules: settings alone.
std::shared_ptr<const RuleSet> rules_of(std::shared_ptr<const Settings> settings);

// Reads folder/*.toml in the order of their names. A folder that is not there, or "", has no rules. Limits:
// 200 files of 1 MiB, 1000 rules.
LoadedRules load_rules(const std::string& folder, std::shared_ptr<const Settings> settings);
// The same from text; name stands for the file. One or more: {name, text}.
struct PolicyText {
    std::string name;
    std::string text;
};
LoadedRules parse_rules(const std::vector<PolicyText>& texts, std::shared_ptr<const Settings> settings);

// A settings file and the rules of its policy_dir, whole or not at all.
LoadedRules load_policy(const std::string& settings_file);

}  // namespace optimilter
