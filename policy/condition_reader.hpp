// SPDX-License-Identifier: Apache-2.0
//
// The "when" of one rule from TOML. Serves policy/rule_reader.cpp alone. Not thread safe.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rule_conditions.hpp"
#include "policy/toml_file.hpp"

namespace optimilter {

class ConditionReader {
  public:
    using Lists = std::map<std::string, std::shared_ptr<const ListFile>>;
    // header_names grows by what is asked for; lists are read once and shared by the rules.
    ConditionReader(Findings& findings, std::vector<std::string>& header_names, Lists& lists)
        : findings_(findings), header_names_(header_names), lists_(lists) {}

    RuleConditions read(const toml::table& table);

    // The keys that "when" may have.
    static std::vector<std::string_view> names();

  private:
    friend struct ConditionRow;
    void problem(const toml::node& node, std::string_view text);
    // A text or a list of texts.
    std::vector<std::pair<std::string, const toml::node*>> texts(const toml::node& node);
    void addresses(const toml::node& node, WordChoice& choice);
    void words(const toml::node& node, WordChoice& choice);
    void clients(const toml::node& node, ClientChoice& choice);
    void globs(const toml::node& node, std::vector<Regex>& globs);
    void expression(const toml::node& node, std::optional<Regex>& regex);
    void direction(const toml::node& node, std::optional<Direction>& direction);
    void truth(const toml::node& node, std::optional<bool>& truth);
    void formats(const toml::node& node, std::uint32_t& formats);
    void size(const toml::node& node, std::optional<std::uint64_t>& size_bytes);
    void headers(const toml::node& node, std::vector<HeaderCondition>& conditions);
    void header(const toml::table& table, std::vector<HeaderCondition>& conditions);
    void header_key(std::string_view key, const toml::node& node, HeaderCondition& condition);
    void add_list(std::string_view text, const toml::node& node,
                  std::vector<std::shared_ptr<const ListFile>>& lists, bool cidr);
    std::size_t header_slot(std::string_view name);
    void check_order(const toml::table& table, std::string_view least, std::string_view most,
                     const std::optional<std::uint64_t>& least_bytes,
                     const std::optional<std::uint64_t>& most_bytes);

    Findings& findings_;
    std::vector<std::string>& header_names_;
    Lists& lists_;
};

}  // namespace optimilter
