// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_conditions.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "policy/mail_address.hpp"

namespace optimilter {

namespace {

bool in_words(const std::vector<std::string>& words, const std::string& word) {
    return std::binary_search(words.begin(), words.end(), word);
}

bool any_found(const std::vector<Regex>& patterns, std::string_view text) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [text](const Regex& pattern) { return pattern.found_in(text); });
}

bool value_fits(const HeaderCondition& asked, const std::string& value) {
    if (asked.equals) return iequals(value, *asked.equals);
    return !asked.matches || asked.matches->found_in(value);
}

bool header_fits(const HeaderCondition& asked, const PolicyFacts& facts) {
    const auto& values = facts.headers[asked.slot];
    if (!asked.present) return values.empty();
    return std::any_of(values.begin(), values.end(),
                       [&](const std::string& value) { return value_fits(asked, value); });
}

bool within(const std::optional<std::uint64_t>& least, const std::optional<std::uint64_t>& most,
            std::size_t size_bytes) {
    return (!least || size_bytes >= *least) && (!most || size_bytes <= *most);
}

}  // namespace

bool WordChoice::holds_address(const std::string& plain) const {
    const std::vector<std::string> keys = address_keys(plain);
    return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return in_words(words, key); }) ||
           std::any_of(lists.begin(), lists.end(),
                       [&](const auto& list) { return list->holds_address(plain); });
}

bool WordChoice::holds_word(const std::string& word) const {
    return in_words(words, word) ||
           std::any_of(lists.begin(), lists.end(), [&](const auto& list) { return list->holds_word(word); });
}

bool ClientChoice::holds(const IpAddress& address) const {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const Network& network) { return network_contains(network, address); }) ||
           std::any_of(lists.begin(), lists.end(),
                       [&](const auto& list) { return list->holds_client(address); });
}

bool RuleConditions::of_parts() const {
    return !part_type.empty() || !file_name.empty() || file_name_matches || formats != 0 || size_min ||
           size_max || message_size_min || message_size_max;
}

bool RuleConditions::none() const {
    return !direction && !authenticated && !auth_user.asked() && !sender.asked() && !listener.asked() &&
           !client.asked() && header.empty() && header_all.empty() && !of_recipients() && !of_parts();
}

std::string_view message_misfit(const RuleConditions& when, const PolicyFacts& facts) {
    const auto fits = [&](const HeaderCondition& asked) { return header_fits(asked, facts); };
    if (when.direction && *when.direction != facts.direction) return "direction";
    if (when.authenticated && *when.authenticated != !facts.auth_user.empty()) return "authenticated";
    if (when.auth_user.asked() && (facts.auth_user.empty() || !when.auth_user.holds_word(facts.auth_user)))
        return "auth_user";
    if (when.client.asked() && (!facts.client || !when.client.holds(*facts.client))) return "client";
    if (when.listener.asked() && !when.listener.holds_word(facts.listener)) return "listener";
    if (when.sender.asked() && !when.sender.holds_address(facts.sender)) return "sender";
    if (!when.header.empty() && std::none_of(when.header.begin(), when.header.end(), fits)) return "header";
    if (!std::all_of(when.header_all.begin(), when.header_all.end(), fits)) return "header_all";
    return {};
}

std::string_view recipient_misfit(const RuleConditions& when, const std::string& plain_recipient) {
    if (!when.recipient.asked() || when.recipient.holds_address(plain_recipient)) return {};
    return "recipient";
}

std::string_view part_misfit(const RuleConditions& when, const PartFacts& facts) {
    if (!when.part_type.empty() && !any_found(when.part_type, facts.type)) return "part_type";
    if (!when.file_name.empty() && !any_found(when.file_name, facts.file_name)) return "file_name";
    if (when.file_name_matches && !when.file_name_matches->found_in(facts.file_name))
        return "file_name_matches";
    if (when.formats != 0 && ((when.formats >> static_cast<unsigned>(facts.format)) & 1u) == 0)
        return "format";
    if (!within(when.size_min, when.size_max, facts.size_bytes)) return "size_min, size_max";
    if (!within(when.message_size_min, when.message_size_max, facts.message_size_bytes))
        return "message_size_min, message_size_max";
    return {};
}

}  // namespace optimilter
