// SPDX-License-Identifier: Apache-2.0
//
// Rules from TOML (optimilter-policy(5)): the checking, with file:line and the nearest name for a slip.
// Serves policy/rule_set.cpp alone. Not thread safe: one reader, one load.
//
// Security: the operator's text. What a pattern may cost is bounded in policy/regex.hpp.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "policy/rule_set.hpp"
#include "policy/toml_file.hpp"

namespace optimilter {

class RuleReader {
  public:
    explicit RuleReader(RuleSet& set) : set_(set) {}

    // Adds the rules of one file to the set, and what is wrong with it to findings.
    void read_file(const std::string& name, std::string_view text, Findings& findings);

  private:
    void read_rule(const toml::table& table, std::uint32_t line);
    void read_name(const toml::table& table, std::uint32_t line, Rule& rule);
    void read_when(const toml::node& node, Rule& rule);
    void read_then(const toml::node& node, Rule& rule);
    void read_action(const toml::key& key, const toml::node& node, const Rule& rule, Settings& settings);
    void check_settings(const Settings& settings, std::uint32_t line);
    void read_valid_until(const toml::node& node);
    void warn_of_unreachable(const Rule& rule);

    RuleSet& set_;
    Findings* findings_ = nullptr;  // of the file that is read
    std::string file_;
    std::map<std::string, std::string, std::less<>> places_;  // of rule names
    std::map<std::string, std::shared_ptr<const ListFile>> lists_;
    std::string catches_all_;  // the rule after which none is asked
};

}  // namespace optimilter
