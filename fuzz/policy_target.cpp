// SPDX-License-Identifier: Apache-2.0
//
// Rules and the facts of a message, or a list file, by the first byte. Promises: every problem names the file
// and a line and can be printed; the same question gets the same answer; two recipients together get no more
// change than each of them alone, in every setting that a rule may set.
#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "policy/decide.hpp"
#include "policy/mail_address.hpp"
#include "policy/message_policy.hpp"
#include "policy/settings_table.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::string_view kFile = "f.toml";

void check_problems(const std::vector<SettingsProblem>& problems, std::string_view text) {
    const auto lines = 2 + std::count(text.begin(), text.end(), '\n');
    for (const SettingsProblem& problem : problems) {
        const std::string& told = problem.text;
        promise(told.starts_with("f.toml:"), "a problem names the file", printable(told));
        const auto digits = told.find_first_not_of("0123456789", 7);
        promise(digits != told.npos && digits > 7 && told[digits] == ':', "a problem names its line",
                printable(told));
        promise(std::stoul(told.substr(7, 9)) <= static_cast<unsigned long>(lines), "the line is in the file",
                printable(told));
        promise(printable(told, 2000) == told, "a problem can be printed", printable(told));
    }
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

struct Facts {
    std::string_view sender, first, second, user, client;
    std::vector<HeaderText> header;
};

Facts facts_of(std::string_view text) {
    Facts facts;
    facts.sender = take_line(text);
    facts.first = take_line(text);
    facts.second = take_line(text);
    facts.user = take_line(text);
    facts.client = take_line(text);
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        const std::size_t colon = std::min(line.find(':'), line.size());
        facts.header.push_back({line.substr(0, colon), line.substr(std::min(colon + 1, line.size()))});
    }
    return facts;
}

void ask(MessagePolicy& policy, const Facts& facts, bool first, bool second) {
    if (first) policy.add_recipient(facts.first);
    if (second) policy.add_recipient(facts.second);
    policy.set_header(facts.header, std::chrono::sys_days(std::chrono::year(2027) / 1 / 1));
}

// Nothing in both that alone does not allow.
void check_less(const Settings& both, const Settings& alone) {
    const Options merged = profile_options(both), one = profile_options(alone);
    promise(!merged.lossy || one.lossy, "lossy only where all allow it");
    promise(merged.jpeg_quality_min >= one.jpeg_quality_min, "quality no lower");
    promise(merged.score_min >= one.score_min && merged.score_min_text >= one.score_min_text,
            "score no lower");
    promise((merged.enabled_formats & ~one.enabled_formats) == 0, "formats all allow");
    promise((merged.convert_formats & ~one.convert_formats) == 0, "conversions all allow");
    promise(one.max_side_px != 0 || merged.max_side_px == 0, "not scaled where one never is");
    promise(merged.max_side_px == 0 || merged.max_side_px >= one.max_side_px, "sides no shorter");
    promise(both.min_size >= alone.min_size && both.max_size <= alone.max_size, "the window is in both");
    promise(both.deadline <= alone.deadline, "the deadline is in both");
    promise(both.dry_run || !alone.dry_run, "a dry run for one is one for all");
    promise(!both.trace_header || alone.trace_header, "a trace only where all allow it");
    promise(merged.effort <= one.effort && merged.max_pixels <= one.max_pixels, "budgets are in both");
}

void check_message(const std::shared_ptr<const RuleSet>& rules, const Facts& facts, std::uint64_t hash) {
    const EnvelopeFacts envelope{(hash & 1u) != 0 ? Direction::kInbound : Direction::kOutbound, facts.user,
                                 facts.sender, facts.client, "smtpd"};
    MessagePolicy one(rules, envelope), other(rules, envelope), both(rules, envelope), again(rules, envelope);
    ask(one, facts, true, false);
    ask(other, facts, false, true);
    ask(both, facts, true, true);
    ask(again, facts, true, true);
    promise(both.rule() == again.rule() && both.leave_alone() == again.leave_alone(),
            "the same answer twice");
    const PartFacts parts[] = {{"image/jpeg", "a.jpg", Format::kJpeg, 50'000, 90'000},
                               {"application/zip", facts.sender, Format::kZip, 500, 700},
                               {facts.user, facts.client, Format::kUnknown, 0, 0}};
    for (MessagePolicy* alone : {&one, &other}) {
        promise(alone->leave_alone().empty() || !both.leave_alone().empty(), "left alone for one is for all");
        check_less(both.settings(), alone->settings());
        for (const PartFacts& part : parts) {
            const PartPolicy merged = both.for_part(part), single = alone->for_part(part);
            promise(single.leave_alone.empty() || !merged.leave_alone.empty(), "and so is a part");
            check_less(*merged.settings, *single.settings);
            promise(merged.rule == again.for_part(part).rule, "the same answer for a part");
            alone->passed_over(&part);
        }
    }
}

void check_rules(std::string_view text, std::uint64_t hash) {
    const std::size_t line = text.find("\n----\n");
    const std::string_view toml = text.substr(0, line);
    // Files of the machine are none of ours.
    if (toml.find(":/") != toml.npos || toml.find("\\u") != toml.npos || toml.find("\\U") != toml.npos)
        return;
    const LoadedRules loaded =
        parse_rules({{std::string(kFile), std::string(toml)}}, std::make_shared<const Settings>());
    promise(loaded.ok() == (loaded.rules != nullptr), "rules or problems");
    check_problems(loaded.problems, toml);
    if (!loaded.ok()) return;
    for (const Rule& rule : loaded.rules->rules) {
        promise(contradictions(*rule.settings).empty(), "settings of a rule fit together");
        promise(rule.settings->deadline <= loaded.rules->settings->deadline,
                "no rule lengthens the deadline");
        promise(printable(rule.leave_alone, 1000) == rule.leave_alone, "a reason can be printed");
    }
    if (line == text.npos) return;
    check_message(loaded.rules, facts_of(text.substr(line + 6)), hash);
}

void check_list(ListKind kind, std::string_view text) {
    const LoadedList loaded = parse_list(kind, text, std::string(kFile));
    promise(loaded.problems.empty() == (loaded.list != nullptr), "a list or problems");
    check_problems(loaded.problems, text);
    if (!loaded.list) return;
    promise(loaded.list->kind() == kind, "the kind stays");
    std::string_view rest = text;
    for (int i = 0; i < 20 && !rest.empty(); ++i) {
        const std::string plain = plain_address(take_line(rest));
        const bool held = loaded.list->holds_address(plain);
        promise(held == loaded.list->holds_address(plain), "the same answer twice");
        promise(kind != ListKind::kCidr || !held, "no address in a list of clients");
        if (const auto client = parse_address(plain))
            promise(kind == ListKind::kCidr || !loaded.list->holds_client(*client), "no client elsewhere");
    }
}

void run(ByteView input) {
    if (input.empty()) return;
    const std::string_view text = as_text(input).substr(1);
    if (input[0] == 't') return check_list(ListKind::kTexthash, text);
    if (input[0] == 'r') return check_list(ListKind::kRegexp, text);
    if (input[0] == 'c') return check_list(ListKind::kCidr, text);
    check_rules(text, hash_of(input));
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
