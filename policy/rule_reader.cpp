// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/condition_reader.hpp"
#include "policy/quantities.hpp"
#include "policy/rule_settings.hpp"
#include "policy/settings_table.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostRules = 1000;
constexpr std::size_t kLongestName = 60;
constexpr std::size_t kLongestReason = 120;
constexpr std::string_view kLeaveAlone = "leave_alone";

std::uint32_t line_of(const toml::node& node) {
    return static_cast<std::uint32_t>(node.source().begin.line);
}
std::uint32_t line_of(const toml::key& key) {
    return static_cast<std::uint32_t>(key.source().begin.line);
}

// A key of a log line holds it, unquoted; "none" stands there for "no rule".
bool is_rule_name(std::string_view name) {
    const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
               c == '-' || c == '.';
    });
    return plain && !name.empty() && name.size() <= kLongestName && name != "none";
}

std::string unknown(std::string_view what, std::string_view name,
                    const std::vector<std::string_view>& known) {
    const std::string_view nearest = nearest_name(name, known.data(), known.size());
    return fmt::format("unknown {} \"{}\"{}", what, printable(name, kLongestName),
                       nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
}

}  // namespace

void RuleReader::read_file(const std::string& name, std::string_view text, Findings& findings) {
    findings_ = &findings;
    file_ = printable(name);
    const auto table = parse_toml(text, name, findings);
    if (!table) return;
    for (auto&& [key, node] : *table) {
        if (key == "valid_until") {
            read_valid_until(node);
        } else if (key != "rule") {
            findings.add(line_of(key), unknown("name", key.str(), {"rule", "valid_until"}) +
                                           "; a policy file has valid_until and [[rule]]");
        } else if (const auto* rules = node.as_array(); rules != nullptr && node.is_array_of_tables()) {
            for (const toml::node& rule : *rules) read_rule(*rule.as_table(), line_of(rule));
        } else {
            findings.add(line_of(key), "want [[rule]], with two brackets");
        }
    }
}

void RuleReader::read_valid_until(const toml::node& node) {
    const auto* date = node.as_date();
    if (date == nullptr) return findings_->add(line_of(node), "valid_until: want a date, such as 2027-12-31");
    const toml::date day = date->get();
    const std::chrono::year_month_day calendar{std::chrono::year(day.year), std::chrono::month(day.month),
                                               std::chrono::day(day.day)};
    if (!calendar.ok()) return findings_->add(line_of(node), "valid_until: there is no such day");
    set_.valid_until.push_back({std::chrono::sys_days(calendar), file_});
}

void RuleReader::read_rule(const toml::table& table, std::uint32_t line) {
    if (set_.rules.size() >= kMostRules)
        return findings_->add(line, fmt::format("more than {} rules in all", kMostRules));
    Rule rule;
    rule.place = fmt::format("{}:{}", file_, line);
    rule.settings = set_.settings;
    read_name(table, line, rule);
    if (const toml::node* when = table.get("when")) read_when(*when, rule);
    if (const toml::node* then = table.get("then"))
        read_then(*then, rule);
    else
        findings_->add(line, "the rule has no \"then\"; then = {} leaves the settings as they are");
    for (auto&& [key, node] : table) {
        if (key != "name" && key != "when" && key != "then")
            findings_->add(line_of(key), unknown("part of a rule", key.str(), {"name", "when", "then"}));
    }
    warn_of_unreachable(rule);
    set_.rules.push_back(std::move(rule));
}

void RuleReader::read_name(const toml::table& table, std::uint32_t line, Rule& rule) {
    const toml::node* node = table.get("name");
    const auto* text = node == nullptr ? nullptr : node->as_string();
    if (text == nullptr)
        return findings_->add(node ? line_of(*node) : line, "the rule needs a name in quotes");
    if (!is_rule_name(text->get())) {
        return findings_->add(
            line_of(*node),
            fmt::format("name \"{}\": want 1 to {} letters, digits, \"_\", \"-\", \".\"; not none",
                        printable(text->get(), kLongestName), kLongestName));
    }
    rule.name = text->get();
    const auto [place, fresh] = places_.emplace(rule.name, rule.place);
    if (!fresh) {
        findings_->add(line_of(*node),
                       fmt::format("the name \"{}\" is taken, {} has it", rule.name, place->second));
    }
}

void RuleReader::read_when(const toml::node& node, Rule& rule) {
    const auto* table = node.as_table();
    if (table == nullptr) return findings_->add(line_of(node), "when: want a table, when = { ... }");
    rule.when = ConditionReader(*findings_, set_.header_names, lists_).read(*table);
}

void RuleReader::read_then(const toml::node& node, Rule& rule) {
    const auto* table = node.as_table();
    if (table == nullptr) return findings_->add(line_of(node), "then: want a table, then = { ... }");
    Settings settings = *set_.settings;
    for (auto&& [key, value] : *table) {
        if (key == kLeaveAlone) {
            const auto* reason = value.as_string();
            if (reason == nullptr || trim(reason->get()).empty() || reason->get().size() > kLongestReason) {
                findings_->add(line_of(value),
                               fmt::format("leave_alone: want the reason, in quotes, of at most {} "
                                           "bytes",
                                           kLongestReason));
                continue;
            }
            rule.leave_alone = printable(reason->get(), kLongestReason);
        } else {
            read_action(key, value, rule, settings);
            rule.then.push_back(fmt::format("{} = {}", key.str(), print_named_setting(key.str(), settings)));
        }
    }
    if (!rule.leave_alone.empty() && table->size() > 1)
        findings_->add(line_of(node),
                       "leave_alone stands alone: nothing is done that other settings could change");
    check_settings(settings, line_of(node));
    rule.settings = std::make_shared<const Settings>(std::move(settings));
}

void RuleReader::read_action(const toml::key& key, const toml::node& node, const Rule& rule,
                             Settings& settings) {
    const std::string_view name = key.str();
    const Status status = read_named_setting(name, node, settings);
    if (!status) {
        const bool known = status.error().code != ErrorCode::kUnsupported;
        constexpr std::string_view kExtra[] = {kLeaveAlone};
        const bool slip = !known && !nearest_name(name, kExtra, 1).empty();
        std::string text = known ? fmt::format("{}: {}", name, status.error().text) : status.error().text;
        if (slip) text = unknown("action", name, {kLeaveAlone});
        return findings_->add(line_of(key), text);
    }
    const std::optional<RuleScope> scope = rule_scope(name);
    if (!scope) {
        findings_->add(line_of(key),
                       fmt::format("{} is not a matter of single messages; it stands in the settings "
                                   "file",
                                   name));
    } else if (*scope == RuleScope::kMessage && rule.when.of_parts()) {
        findings_->add(
            line_of(key),
            fmt::format("{} counts for whole messages, but this rule asks about parts or sizes", name));
    }
}

void RuleReader::check_settings(const Settings& settings, std::uint32_t line) {
    for (const Contradiction& found : contradictions(settings)) findings_->add(line, found.text);
    if (settings.deadline > set_.settings->deadline) {
        findings_->add(
            line, fmt::format("deadline {} is above that of the settings, {}; a rule may shorten it only",
                              print_time(settings.deadline), print_time(set_.settings->deadline)));
    }
}

void RuleReader::warn_of_unreachable(const Rule& rule) {
    if (!catches_all_.empty())
        set_.warnings.push_back(
            fmt::format("{}: {} fits everything before this rule is asked", rule.place, catches_all_));
    else if (rule.when.none())
        catches_all_ = fmt::format("rule {}", rule.name);
}

}  // namespace optimilter
