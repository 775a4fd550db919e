// SPDX-License-Identifier: Apache-2.0
#include "policy/message_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/text.hpp"
#include "policy/mail_address.hpp"
#include "policy/rule_settings.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostNames = 3;  // of rules in one log line

// Folds are undone (RFC 5322 sec. 2.2.3) as far as expressions look.
std::string unfolded(std::string_view value) {
    value = trim(value);
    std::string text;
    for (const char c : value.substr(0, 2 * Regex::kMostInput)) {
        if (c != '\r' && c != '\n') text += c;
    }
    if (text.size() > Regex::kMostInput) text.resize(Regex::kMostInput);
    return text;
}

// "no" and its like in a field for opting out or in say the opposite.
bool says_yes(std::string_view value) {
    constexpr std::array<std::string_view, 4> kNo = {"no", "false", "off", "0"};
    const std::string text = unfolded(value);
    return std::none_of(kNo.begin(), kNo.end(), [&](std::string_view no) { return iequals(text, no); });
}

std::string short_word(std::string_view text) {
    return to_lower(text.substr(0, Regex::kMostInput));
}

}  // namespace

MessagePolicy::MessagePolicy(std::shared_ptr<const RuleSet> rules, const EnvelopeFacts& envelope)
    : rules_(std::move(rules)), message_settings_(rules_->settings) {
    facts_.direction = envelope.direction;
    facts_.auth_user = short_word(envelope.auth_user);
    facts_.sender = plain_address(envelope.sender);
    facts_.client = parse_address(envelope.client_address);
    facts_.listener = short_word(envelope.listener);
    for (std::uint32_t i = 0; i < rules_->rules.size(); ++i) {
        if (rules_->rules[i].when.of_recipients()) recipient_rules_.push_back(i);
    }
}

void MessagePolicy::add_recipient(std::string_view address) {
    if (too_many_kinds_) return;
    std::vector<bool> fits;
    if (!recipient_rules_.empty()) {
        const std::string plain = plain_address(address);
        for (const std::uint32_t i : recipient_rules_)
            fits.push_back(recipient_misfit(rules_->rules[i].when, plain).empty());
    }
    recipient_kinds_.insert(std::move(fits));
    too_many_kinds_ = recipient_kinds_.size() > kMostRecipientKinds;
}

void MessagePolicy::set_header(std::span<const HeaderText> fields, std::chrono::sys_seconds now) {
    // A message without recipients (a file, under optimilterctl) is one that no recipient's rule fits.
    if (recipient_kinds_.empty()) recipient_kinds_.insert(std::vector<bool>(recipient_rules_.size(), false));
    read_header(fields);
    find_paths();
    decide_message(fields);
    const auto end = rules_->earliest_valid_until();
    if (end && end->past(now)) {
        leave_alone_ = fmt::format("{} was valid until {}", end->file, print_day(end->last_day));
    } else if (too_many_kinds_) {
        leave_alone_ =
            fmt::format("the rules tell more than {} kinds of its recipients apart", kMostRecipientKinds);
    }
}

void MessagePolicy::read_header(std::span<const HeaderText> fields) {
    std::unordered_map<std::string_view, std::size_t> slots;
    for (const std::string& name : rules_->header_names) slots.emplace(name, slots.size());
    facts_.headers.resize(slots.size());
    if (slots.empty()) return;
    for (const HeaderText& field : fields) {
        if (field.name.size() > 100) continue;  // longer than any name a rule may have
        const auto slot = slots.find(to_lower(field.name));
        if (slot == slots.end()) continue;
        auto& values = facts_.headers[slot->second];
        if (values.size() < kMostHeaderValues) values.push_back(unfolded(field.value));
    }
}

void MessagePolicy::find_paths() {
    for (const Rule& rule : rules_->rules) misfits_.push_back(message_misfit(rule.when, facts_));
    for (const std::vector<bool>& fits : recipient_kinds_) paths_.insert(path_for(fits));
}

// Up to the first rule that asks nothing about parts: it decides for all that is left.
MessagePolicy::Path MessagePolicy::path_for(const std::vector<bool>& recipient_fits) const {
    Path path;
    std::size_t asked = 0;
    for (std::uint32_t i = 0; i < rules_->rules.size(); ++i) {
        const RuleConditions& when = rules_->rules[i].when;
        const bool fits = !when.of_recipients() || recipient_fits[asked++];
        if (!fits || !misfits_[i].empty()) continue;
        path.push_back(i);
        if (!when.of_parts()) break;
    }
    return path;
}

std::uint32_t MessagePolicy::message_rule(const Path& path) const {
    return path.empty() || rules_->rules[path.back()].when.of_parts() ? kNoRule : path.back();
}

void MessagePolicy::decide_message(std::span<const HeaderText> fields) {
    std::set<std::uint32_t> deciding;
    for (const Path& path : paths_) deciding.insert(message_rule(path));
    const Merged& all = merged(deciding);
    message_rule_ = all.rule;
    message_settings_ = all.settings;
    for (const Path& path : paths_) {
        const std::uint32_t i = message_rule(path);
        std::string reason = opt_reason(fields, settings_of(i));
        // With rules for parts before it, those still have a word.
        if (reason.empty() && i != kNoRule && path.size() == 1) reason = rules_->rules[i].leave_alone;
        if (reason.empty()) continue;
        leave_alone_ = reason;
        if (i != kNoRule) message_rule_ = rules_->rules[i].name;
        return;
    }
}

std::string MessagePolicy::opt_reason(std::span<const HeaderText> fields, const Settings& settings) const {
    if (opted(fields, settings, settings.opt_out_header))
        return fmt::format("opted out by {}", settings.opt_out_header);
    if (!settings.opt_in_header.empty() && !opted(fields, settings, settings.opt_in_header))
        return fmt::format("not opted in by {}", settings.opt_in_header);
    return {};
}

// Is the field there, from somebody whose word counts?
bool MessagePolicy::opted(std::span<const HeaderText> fields, const Settings& settings,
                          const std::string& name) const {
    const OptTrust needed = !facts_.auth_user.empty()                  ? OptTrust::kAuthenticated
                            : facts_.direction == Direction::kOutbound ? OptTrust::kOutbound
                                                                       : OptTrust::kEverybody;
    if (name.empty() || settings.opt_trust < needed) return false;
    return std::any_of(fields.begin(), fields.end(), [&](const HeaderText& field) {
        return iequals(field.name, name) && says_yes(field.value);
    });
}

const Settings& MessagePolicy::settings_of(std::uint32_t rule) const {
    return rule == kNoRule ? *rules_->settings : *rules_->rules[rule].settings;
}

PartPolicy MessagePolicy::for_part(const PartFacts& facts) {
    std::map<std::uint32_t, bool> asked;  // rules of several paths are asked once
    const auto fits = [&](std::uint32_t i) {
        const auto found = asked.find(i);
        if (found != asked.end()) return found->second;
        return asked[i] = part_misfit(rules_->rules[i].when, facts).empty();
    };
    std::set<std::uint32_t> deciding;
    for (const Path& path : paths_) {
        const auto first = std::find_if(path.begin(), path.end(), fits);
        deciding.insert(first == path.end() ? kNoRule : *first);
    }
    const Merged& result = merged(std::move(deciding));
    return {result.settings.get(), &result.options, result.rule, result.leave_alone};
}

const MessagePolicy::Merged& MessagePolicy::merged(std::set<std::uint32_t> deciding) {
    const auto found = merged_.find(deciding);
    if (found != merged_.end()) return found->second;
    Merged result;
    std::size_t named = 0;
    for (const std::uint32_t i : deciding) {
        const bool is_rule = i != kNoRule;
        if (is_rule && result.leave_alone.empty()) result.leave_alone = rules_->rules[i].leave_alone;
        if (named++ < kMostNames && (is_rule || deciding.size() > 1))
            result.rule +=
                fmt::format("{}{}", named > 1 ? "+" : "", is_rule ? rules_->rules[i].name : "none");
    }
    if (named > kMostNames) result.rule += "+...";
    if (deciding.size() == 1) {
        const std::uint32_t only = *deciding.begin();
        result.settings = only == kNoRule ? rules_->settings : rules_->rules[only].settings;
    } else {
        Settings settings = with_profile(settings_of(*deciding.begin()));
        for (const std::uint32_t i : deciding) take_least_change(settings, with_profile(settings_of(i)));
        result.settings = std::make_shared<const Settings>(std::move(settings));
    }
    result.options = profile_options(*result.settings);
    return merged_.emplace(std::move(deciding), std::move(result)).first->second;
}

std::vector<PassedOver> MessagePolicy::passed_over(const PartFacts* facts) const {
    std::vector<PassedOver> passed;
    for (std::uint32_t i = 0; i < rules_->rules.size(); ++i) {
        const RuleConditions& when = rules_->rules[i].when;
        const bool on_a_path = std::any_of(paths_.begin(), paths_.end(), [i](const Path& path) {
            return std::find(path.begin(), path.end(), i) != path.end();
        });
        std::string_view misfit = misfits_[i];
        if (misfit.empty() && !on_a_path) {
            if (!when.of_recipients()) break;  // not asked: another rule had decided before
            misfit = "recipient";
        }
        if (facts == nullptr && when.of_parts()) continue;
        if (misfit.empty() && facts != nullptr) misfit = part_misfit(when, *facts);
        if (misfit.empty()) break;
        passed.push_back({&rules_->rules[i], misfit});
    }
    return passed;
}

}  // namespace optimilter
