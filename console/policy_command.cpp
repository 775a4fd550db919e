// SPDX-License-Identifier: Apache-2.0
#include "console/policy_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/log.hpp"
#include "base/memfd.hpp"
#include "base/text.hpp"
#include "console/explanation.hpp"
#include "mail/message_text.hpp"
#include "milter/trip.hpp"
#include "policy/message_policy.hpp"
#include "policy/rule_settings.hpp"
#include "policy/settings_table.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMaxFileBytes = 1ull << 30;

std::chrono::sys_seconds now() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

const Rule* find_rule(const RuleSet& rules, std::string_view name) {
    const auto found = std::find_if(rules.rules.begin(), rules.rules.end(),
                                    [name](const Rule& rule) { return rule.name == name; });
    return found == rules.rules.end() ? nullptr : &*found;
}

// What differs from the settings file. Values left to the profile on both sides are as the profile says.
std::vector<std::string> changed_settings(const Settings& settings, const Settings& base) {
    const Settings complete = with_profile(base);
    std::vector<std::string> lines;
    for (const RuleSetting& row : rule_settings()) {
        const std::string value = print_named_setting(row.name, settings);
        std::string before = print_named_setting(row.name, base);
        if (before.empty() && !value.empty()) before = print_named_setting(row.name, complete);
        if (value != before) lines.push_back(fmt::format("{} = {}", row.name, value));
    }
    return lines;
}

// The way of one message through the rules and the front half of the trip.
class Explainer {
  public:
    Explainer(const ExplainRequest& request, std::shared_ptr<const RuleSet> rules, const MessageText& message,
              ByteView bytes)
        : request_(request), rules_(std::move(rules)), message_(message), body_(slice(bytes, message.body)) {
        direction_ = message_direction(*rules_->settings, request.client_address, !request.auth_user.empty());
        if (!request.direction.empty())
            direction_ = request.direction == "outbound" ? Direction::kOutbound : Direction::kInbound;
        for (const HeaderField& field : message.fields) header_.push_back({field.name, field.value});
    }

    Explanation explain() {
        MessagePolicy policy(rules_, envelope());
        ask(policy, request_.recipients);
        Explanation explanation;
        explanation.file = request_.file;
        explanation.direction = direction_name(direction_);
        explanation.dry_run = policy.settings().dry_run;
        explanation.deadline_ms = policy.settings().deadline;
        explanation.rule = rule_of(policy.rule(), policy.settings(), policy.passed_over(nullptr));
        explanation.reason = early_reason(policy);
        if (!explanation.reason.empty()) explanation.rule.settings.clear();
        for (const std::string& recipient : request_.recipients)
            explanation.recipients.push_back(explain_recipient(recipient));
        if (explanation.reason.empty()) explain_parts(policy, explanation);
        return explanation;
    }

  private:
    EnvelopeFacts envelope() const {
        return {direction_, request_.auth_user, request_.sender, request_.client_address, request_.listener};
    }

    void ask(MessagePolicy& policy, const std::vector<std::string>& recipients) const {
        for (const std::string& recipient : recipients) policy.add_recipient(recipient);
        policy.set_header(header_, now());
    }

    bool null_sender() const { return request_.sender.empty() || request_.sender == "<>"; }

    // As at the end of headers.
    std::string early_reason(const MessagePolicy& policy) const {
        if (!policy.leave_alone().empty()) return policy.leave_alone();
        return std::string(skip_at_headers(message_.fields, null_sender(), direction_, policy.settings()));
    }

    Explanation::Recipient explain_recipient(const std::string& address) const {
        MessagePolicy policy(rules_, envelope());
        ask(policy, {address});
        return {address, policy.rule(), policy.leave_alone()};
    }

    ExplainedRule rule_of(std::string_view name, const Settings& settings,
                          const std::vector<PassedOver>& passed_over) const {
        ExplainedRule explained;
        explained.name = name;
        if (const Rule* rule = find_rule(*rules_, name)) explained.place = rule->place;
        explained.settings = changed_settings(settings, *rules_->settings);
        for (const PassedOver& one : passed_over)
            explained.passed_over.push_back({one.rule->name, std::string(one.misfit)});
        return explained;
    }

    void explain_parts(MessagePolicy& policy, Explanation& explanation) const {
        const TripInput input{message_.fields, body_, null_sender(), direction_, Deadline(), &policy};
        TripResult result = plan_trip(input, policy.settings());
        for (const PartReport& report : result.parts)
            explanation.parts.push_back(explain_part(report, policy));
    }

    ExplainedPart explain_part(const PartReport& report, MessagePolicy& policy) const {
        ExplainedPart part;
        part.index = report.index;
        part.type = report.type;
        part.file_name = report.file_name;
        part.format = format_name(report.format);
        part.bytes_in = report.bytes_in;
        part.work = report.outcome == Outcome::kOptimized;
        part.reason = report.reason;
        const PartFacts facts{report.type, report.file_name, report.format, report.bytes_in, body_.size()};
        part.asked = part.work || report.outcome == Outcome::kNotApplicable || !report.rule.empty();
        if (part.asked)
            part.rule = rule_of(report.rule, *policy.for_part(facts).settings, policy.passed_over(&facts));
        if (!part.work) part.rule.settings.clear();
        return part;
    }

    const ExplainRequest& request_;
    std::shared_ptr<const RuleSet> rules_;
    const MessageText& message_;
    ByteView body_;
    Direction direction_ = Direction::kInbound;
    std::vector<HeaderText> header_;
};

}  // namespace

int check_rules(const std::string& folder, const LoadedRules& loaded) {
    for (const SettingsProblem& problem : loaded.problems)
        fmt::print(stderr, "optimilterctl: {}\n", problem.text);
    if (!loaded.ok()) return 1;
    const RuleSet& rules = *loaded.rules;
    for (const std::string& warning : rules.warnings) fmt::print("warning: {}\n", warning);
    const auto end = rules.earliest_valid_until();
    const bool past = end && end->past(now());
    if (past) {
        fmt::print("warning: {} was valid until {}: all mail passes unchanged\n", printable(end->file),
                   print_day(end->last_day));
    }
    fmt::print("{}: {} rules in {} files{}: no problems\n", printable(folder), rules.rules.size(),
               rules.files.size(), end && !past ? ", valid until " + print_day(end->last_day) : "");
    return past || !rules.warnings.empty() ? 1 : 0;
}

int explain_message(const ExplainRequest& request, std::shared_ptr<const RuleSet> rules) {
    const Result<Bytes> bytes = read_file(request.file.c_str(), kMaxFileBytes);
    if (!bytes) {
        log_error("{}: {}", printable(request.file, 400), bytes.error().text);
        return 1;
    }
    const Result<MessageText> message = split_message(*bytes);
    if (!message) {
        log_error("{}: {}", printable(request.file, 400), message.error().text);
        return 1;
    }
    const Explanation explanation = Explainer(request, std::move(rules), *message, *bytes).explain();
    fmt::print("{}", request.json ? explanation_json(explanation) : explanation_text(explanation));
    return 0;
}

}  // namespace optimilter
