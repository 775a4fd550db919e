// SPDX-License-Identifier: Apache-2.0
#include "policy/condition_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "policy/mail_address.hpp"
#include "policy/setting_values.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestShown = 80;
constexpr double kLargestSize = 1ull << 40;

std::uint32_t line_of(const toml::node& node) {
    return static_cast<std::uint32_t>(node.source().begin.line);
}

}  // namespace

// The conditions by name: the one list of them.
struct ConditionRow {
    std::string_view name;
    void (*read)(ConditionReader&, const toml::node&, RuleConditions&);

    static const std::vector<ConditionRow>& all();
};

#define CONDITION(name, how, member)                                                      \
    {                                                                                     \
        name, [](ConditionReader& reader, const toml::node& node, RuleConditions& when) { \
            reader.how(node, when.member);                                                \
        }                                                                                 \
    }

const std::vector<ConditionRow>& ConditionRow::all() {
    static const std::vector<ConditionRow> rows = {
        CONDITION("direction", direction, direction),
        CONDITION("authenticated", truth, authenticated),
        CONDITION("auth_user", words, auth_user),
        CONDITION("client", clients, client),
        CONDITION("listener", words, listener),
        CONDITION("sender", addresses, sender),
        CONDITION("recipient", addresses, recipient),
        CONDITION("header", headers, header),
        CONDITION("header_all", headers, header_all),
        CONDITION("part_type", globs, part_type),
        CONDITION("file_name", globs, file_name),
        CONDITION("file_name_matches", expression, file_name_matches),
        CONDITION("format", formats, formats),
        CONDITION("size_min", size, size_min),
        CONDITION("size_max", size, size_max),
        CONDITION("message_size_min", size, message_size_min),
        CONDITION("message_size_max", size, message_size_max),
    };
    return rows;
}

#undef CONDITION

std::vector<std::string_view> ConditionReader::names() {
    std::vector<std::string_view> names;
    for (const ConditionRow& row : ConditionRow::all()) names.push_back(row.name);
    return names;
}

RuleConditions ConditionReader::read(const toml::table& table) {
    RuleConditions when;
    const auto& rows = ConditionRow::all();
    for (auto&& [key, node] : table) {
        const std::string_view name = key.str();
        const auto row =
            std::find_if(rows.begin(), rows.end(), [name](const ConditionRow& r) { return r.name == name; });
        if (row != rows.end()) {
            row->read(*this, node, when);
            continue;
        }
        const auto known = names();
        const std::string_view nearest = nearest_name(name, known.data(), known.size());
        findings_.add(static_cast<std::uint32_t>(key.source().begin.line),
                      fmt::format("unknown condition \"{}\"{}", printable(name, kLongestShown),
                                  nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
    }
    check_order(table, "size_min", "size_max", when.size_min, when.size_max);
    check_order(table, "message_size_min", "message_size_max", when.message_size_min, when.message_size_max);
    return when;
}

void ConditionReader::check_order(const toml::table& table, std::string_view least, std::string_view most,
                                  const std::optional<std::uint64_t>& least_bytes,
                                  const std::optional<std::uint64_t>& most_bytes) {
    if (least_bytes && most_bytes && *least_bytes > *most_bytes)
        problem(*table.get(most), fmt::format("{} is above {}: nothing would fit", least, most));
}

void ConditionReader::problem(const toml::node& node, std::string_view text) {
    findings_.add(line_of(node), text);
}

std::vector<std::pair<std::string, const toml::node*>> ConditionReader::texts(const toml::node& node) {
    std::vector<std::pair<std::string, const toml::node*>> texts;
    const auto take = [&](const toml::node& one) {
        const auto* text = one.as_string();
        if (text == nullptr || text->get().empty())
            return problem(one, "want text in quotes, or a list of such texts, none of them empty");
        texts.emplace_back(text->get(), &one);
    };
    const auto* list = node.as_array();
    if (list == nullptr) {
        take(node);
        return texts;
    }
    if (list->empty()) problem(node, "an empty list fits nothing");
    for (const toml::node& one : *list) take(one);
    return texts;
}

void ConditionReader::add_list(std::string_view text, const toml::node& node,
                               std::vector<std::shared_ptr<const ListFile>>& lists, bool cidr) {
    const auto place = parse_list_place(text);
    if (!place) return problem(node, place.error().text);
    if ((place->kind == ListKind::kCidr) != cidr) {
        return problem(node, cidr ? "lists of clients are cidr:/path"
                                  : "cidr:/path is for clients; want texthash:/path or regexp:/path");
    }
    auto& list = lists_[std::string(text)];
    if (!list) {
        LoadedList loaded = load_list(*place);
        for (SettingsProblem& found : loaded.problems)
            findings_.add_placed(line_of(node), std::move(found.text));
        list = std::move(loaded.list);
    }
    if (list) lists.push_back(list);
}

void ConditionReader::addresses(const toml::node& node, WordChoice& choice) {
    for (const auto& [text, one] : texts(node)) {
        if (names_list_file(text)) {
            add_list(text, *one, choice.lists, false);
            continue;
        }
        std::string key = address_pattern_key(text);
        if (key.empty()) {
            problem(*one,
                    fmt::format("\"{}\": want user@example.org, example.org, .example.org (all below it), "
                                "user@, <>, or a list file such as texthash:/path",
                                printable(text, kLongestShown)));
        }
        choice.words.push_back(std::move(key));
    }
    std::sort(choice.words.begin(), choice.words.end());
}

void ConditionReader::words(const toml::node& node, WordChoice& choice) {
    for (const auto& [text, one] : texts(node)) {
        if (names_list_file(text))
            add_list(text, *one, choice.lists, false);
        else
            choice.words.push_back(to_lower(text));
    }
    std::sort(choice.words.begin(), choice.words.end());
}

void ConditionReader::clients(const toml::node& node, ClientChoice& choice) {
    for (const auto& [text, one] : texts(node)) {
        if (names_list_file(text)) {
            add_list(text, *one, choice.lists, true);
            continue;
        }
        const auto network = parse_network(text);
        if (network)
            choice.networks.push_back(*network);
        else
            problem(*one, network.error().text);
    }
}

void ConditionReader::globs(const toml::node& node, std::vector<Regex>& globs) {
    for (const auto& [text, one] : texts(node)) {
        auto glob = Regex::glob(text);
        if (glob)
            globs.push_back(std::move(*glob));
        else
            problem(*one, glob.error().text);
    }
}

void ConditionReader::expression(const toml::node& node, std::optional<Regex>& regex) {
    const auto* text = node.as_string();
    if (text == nullptr) return problem(node, "want a regular expression in quotes");
    auto compiled = Regex::compile(text->get(), false);
    if (!compiled) return problem(node, compiled.error().text);
    regex = std::move(*compiled);
}

void ConditionReader::direction(const toml::node& node, std::optional<Direction>& direction) {
    const auto* text = node.as_string();
    for (const Direction one : {Direction::kInbound, Direction::kOutbound}) {
        if (text != nullptr && text->get() == direction_name(one)) direction = one;
    }
    if (!direction) problem(node, "direction: want \"inbound\" or \"outbound\"");
}

void ConditionReader::truth(const toml::node& node, std::optional<bool>& truth) {
    const auto* value = node.as_boolean();
    if (value == nullptr) return problem(node, "want true or false");
    truth = value->get();
}

void ConditionReader::formats(const toml::node& node, std::uint32_t& formats) {
    FormatSet set;
    if (const Status status = read_setting(node, {SettingForm::kWordList, 0, 0}, set); !status)
        return problem(node, fmt::format("format: {}", status.error().text));
    if (set.bits == 0) return problem(node, "an empty list fits nothing");
    formats = set.bits;
}

void ConditionReader::size(const toml::node& node, std::optional<std::uint64_t>& size_bytes) {
    const auto number = read_number(node, {SettingForm::kSize, 0, kLargestSize});
    if (!number) return problem(node, number.error().text);
    size_bytes = static_cast<std::uint64_t>(*number);
}

void ConditionReader::headers(const toml::node& node, std::vector<HeaderCondition>& conditions) {
    constexpr std::string_view kWant =
        "want { name = \"Field\" }, with equals, matches or present besides, or a list of these";
    if (const auto* table = node.as_table()) return header(*table, conditions);
    const auto* list = node.as_array();
    if (list == nullptr || list->empty()) return problem(node, kWant);
    for (const toml::node& one : *list) {
        if (const auto* table = one.as_table())
            header(*table, conditions);
        else
            problem(one, kWant);
    }
}

void ConditionReader::header(const toml::table& table, std::vector<HeaderCondition>& conditions) {
    HeaderCondition condition;
    for (auto&& [key, node] : table) {
        header_key(key.str(), node, condition);
    }
    if (table.get("name") == nullptr) problem(table, "header: the name is missing");
    const int asks = condition.equals.has_value() + condition.matches.has_value();
    if (asks + !condition.present > 1)
        problem(table, "header: equals, matches and present = false exclude each other");
    conditions.push_back(std::move(condition));
}

void ConditionReader::header_key(std::string_view key, const toml::node& node, HeaderCondition& condition) {
    const auto* text = node.as_string();
    const auto* truth = node.as_boolean();
    if (key == "name") {
        std::string name;
        const Status status = read_setting(node, {SettingForm::kFieldName, 0, 0}, name);
        if (!status) return problem(node, status.error().text);
        if (name.empty()) return problem(node, "header: the name is empty");
        condition.slot = header_slot(name);
    } else if (key == "equals" && text != nullptr) {
        condition.equals = text->get();
    } else if (key == "matches") {
        expression(node, condition.matches);
    } else if (key == "present" && truth != nullptr) {
        condition.present = truth->get();
    } else {
        problem(node,
                fmt::format("header: \"{}\": want name, equals and matches with text, present with true or "
                            "false",
                            printable(key, kLongestShown)));
    }
}

std::size_t ConditionReader::header_slot(std::string_view name) {
    const std::string lower = to_lower(name);
    const auto found = std::find(header_names_.begin(), header_names_.end(), lower);
    if (found == header_names_.end()) header_names_.push_back(lower);
    return static_cast<std::size_t>(std::find(header_names_.begin(), header_names_.end(), lower) -
                                    header_names_.begin());
}

}  // namespace optimilter
