// SPDX-License-Identifier: Apache-2.0
#include "console/explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kColumns = 72;

// Words joined by commas, on as many lines as it takes, all indented.
std::string list_lines(std::string_view title, const std::vector<std::string>& words) {
    if (words.empty()) return {};
    std::string text, line = fmt::format("    {}: ", title);
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string word = words[i] + (i + 1 < words.size() ? ", " : "");
        if (line.size() + trim(word).size() > kColumns && line.find_first_not_of(' ') != line.npos) {
            text += fmt::format("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
            line = "        ";
        }
        line += word;
    }
    return text + line + '\n';
}

std::string rule_words(const ExplainedRule& rule) {
    if (rule.name.empty()) return "no rule";
    if (rule.place.empty()) return fmt::format("rules {}, the least change of them", rule.name);
    return fmt::format("rule {} ({})", rule.name, printable(rule.place));
}

std::string rule_lines(const ExplainedRule& rule) {
    std::vector<std::string> passed;
    for (const auto& one : rule.passed_over) passed.push_back(fmt::format("{} ({})", one.name, one.misfit));
    return list_lines("sets", rule.settings) + list_lines("passed over", passed);
}

std::string part_text(const ExplainedPart& part) {
    std::string text =
        fmt::format("part {}: {}", part.index, part.type.empty() ? "-" : printable(part.type, 80));
    if (!part.file_name.empty()) text += fmt::format(" \"{}\"", printable(part.file_name, 80));
    text += fmt::format(", {}, {} bytes\n    ", part.format, part.bytes_in);
    if (part.asked) text += rule_words(part.rule) + ": ";
    text += part.work ? "worked on\n" : fmt::format("left as it is: {}\n", printable(part.reason, 150));
    return part.asked ? text + rule_lines(part.rule) : text;
}

bool recipients_differ(const std::vector<Explanation::Recipient>& recipients) {
    return std::any_of(recipients.begin(), recipients.end(), [&](const auto& one) {
        return one.rule != recipients.front().rule || one.reason != recipients.front().reason;
    });
}

std::string recipient_text(const Explanation::Recipient& recipient) {
    return fmt::format("    {}: {}{}\n", printable(recipient.address, 100),
                       recipient.rule.empty() ? "no rule" : "rule " + recipient.rule,
                       recipient.reason.empty() ? "" : ": " + printable(recipient.reason, 150));
}

Json rule_json(Json json, const ExplainedRule& rule) {
    json["rule"] = rule.name;
    json["place"] = rule.place;
    json["settings"] = rule.settings;
    json["passed_over"] = Json::array();
    for (const auto& one : rule.passed_over)
        json["passed_over"].push_back({{"rule", one.name}, {"condition", one.misfit}});
    return json;
}

Json part_json(const ExplainedPart& part) {
    Json json;
    json["index"] = part.index;
    json["type"] = part.type;
    json["filename"] = part.file_name;
    json["format"] = part.format;
    json["bytes_in"] = part.bytes_in;
    json["work"] = part.work;
    json["reason"] = part.reason;
    return rule_json(std::move(json), part.rule);
}

}  // namespace

std::string explanation_text(const Explanation& explanation) {
    std::string text = fmt::format("message: {}; {}", explanation.direction, rule_words(explanation.rule));
    if (!explanation.reason.empty())
        text += fmt::format(": left as it is: {}", printable(explanation.reason, 150));
    text += '\n';
    if (explanation.reason.empty()) {
        text += fmt::format("    deadline {}{}\n", print_time(explanation.deadline_ms),
                            explanation.dry_run ? ", dry run: nothing is changed" : "");
    }
    if (recipients_differ(explanation.recipients)) {
        for (const auto& recipient : explanation.recipients) text += recipient_text(recipient);
    }
    text += rule_lines(explanation.rule);
    for (const ExplainedPart& part : explanation.parts) text += part_text(part);
    return text;
}

std::string explanation_json(const Explanation& explanation) {
    Json json;
    json["file"] = explanation.file;
    json["direction"] = explanation.direction;
    json["reason"] = explanation.reason;
    json["dry_run"] = explanation.dry_run;
    json["deadline_ms"] = explanation.deadline_ms;
    json = rule_json(std::move(json), explanation.rule);
    json["recipients"] = Json::array();
    for (const auto& one : explanation.recipients)
        json["recipients"].push_back(
            {{"recipient", one.address}, {"rule", one.rule}, {"reason", one.reason}});
    json["parts"] = Json::array();
    for (const ExplainedPart& part : explanation.parts) json["parts"].push_back(part_json(part));
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace optimilter
