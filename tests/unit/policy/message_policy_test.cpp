// SPDX-License-Identifier: Apache-2.0
#include "policy/message_policy.hpp"

#include "check.hpp"
#include "rules_from_text.hpp"

namespace optimilter {
namespace {

constexpr PartFacts kPhoto{"image/jpeg", "a.jpg", Format::kJpeg, 50'000, 90'000};
constexpr PartFacts kSheet{"application/x", "a.xlsx", Format::kOoxml, 50'000, 90'000};

// A message as far as the rules see it.
struct Mail {
    EnvelopeFacts envelope = {Direction::kInbound, "", "<anna@sender.example>", "192.0.2.1", ""};
    std::vector<std::string_view> recipients = {"<ben@receiver.example>"};
    std::vector<HeaderText> header = {};
    std::chrono::sys_seconds now{};
};

std::unique_ptr<MessagePolicy> policy_of(std::shared_ptr<const RuleSet> rules, const Mail& mail) {
    auto policy = std::make_unique<MessagePolicy>(std::move(rules), mail.envelope);
    for (const std::string_view recipient : mail.recipients) policy->add_recipient(recipient);
    policy->set_header(mail.header, mail.now);
    return policy;
}

void test_no_rules() {
    const auto rules = rules_of(std::make_shared<const Settings>());
    const auto policy = policy_of(rules, {});
    CHECK_EQ(policy->leave_alone(), "");
    CHECK_EQ(policy->rule(), "");
    CHECK(&policy->settings() == rules->settings.get());
    const PartPolicy part = policy->for_part(kPhoto);
    CHECK(part.settings == rules->settings.get());
    CHECK(part.rule.empty() && part.leave_alone.empty());
    CHECK(part.options->lossy);
}

constexpr std::string_view kOrder = R"([[rule]]
name = "photos"
when = { format = ["jpeg"] }
then = { profile = "compact" }
[[rule]]
name = "anna"
when = { sender = "anna@" }
then = { profile = "lossless", deadline = "1s" }
[[rule]]
name = "sheets"
when = { format = ["ooxml"] }
then = { effort = 0 }
[[rule]]
name = "rest"
then = { dry_run = true }
)";

void test_first_match_wins() {
    const auto rules = rules_from(kOrder);
    const auto policy = policy_of(rules, {});
    CHECK_EQ(policy->rule(), "anna");
    CHECK_EQ(policy->settings().deadline, 1000);
    CHECK(!policy->settings().dry_run);
    CHECK_EQ(policy->for_part(kPhoto).rule, "photos");
    CHECK(policy->for_part(kPhoto).settings->profile == ProfileName::kCompact);
    // What stands behind a rule for the message is not asked for its parts.
    CHECK_EQ(policy->for_part(kSheet).rule, "anna");
    CHECK(!policy->for_part(kSheet).options->lossy);

    Mail other;
    other.envelope.sender = "<carl@sender.example>";
    const auto rest = policy_of(rules, other);
    CHECK_EQ(rest->rule(), "rest");
    CHECK(rest->settings().dry_run);
    CHECK_EQ(rest->for_part(kSheet).rule, "sheets");
    CHECK_EQ(rest->for_part(kSheet).options->effort, 0);
}

void test_envelope_and_header_facts() {
    const auto rules = rules_from(R"([[rule]]
name = "user"
when = { auth_user = "Anna", direction = "outbound" }
then = {}
[[rule]]
name = "network"
when = { client = "2001:db8::/32" }
then = {}
[[rule]]
name = "listener"
when = { listener = "ORIGINATING" }
then = {}
[[rule]]
name = "folded"
when = { header = { name = "X-Long", equals = "one two" } }
then = {}
)");
    Mail mail;
    CHECK_EQ(policy_of(rules, mail)->rule(), "");
    mail.header = {{"x-LONG", " one\r\n two \r\n"}};
    CHECK_EQ(policy_of(rules, mail)->rule(), "folded");
    mail.envelope.listener = "originating";
    CHECK_EQ(policy_of(rules, mail)->rule(), "listener");
    mail.envelope.client_address = "IPv6:2001:db8::5";
    CHECK_EQ(policy_of(rules, mail)->rule(), "network");
    mail.envelope.direction = Direction::kOutbound;
    mail.envelope.auth_user = "ANNA";
    CHECK_EQ(policy_of(rules, mail)->rule(), "user");
}

constexpr std::string_view kRecipients = R"([[rule]]
name = "archive"
when = { recipient = "archive@" }
then = { leave_alone = "evidence" }
[[rule]]
name = "careful"
when = { recipient = "careful.example" }
then = { profile = "lossless", min_size = "100KiB", deadline = "1s" }
[[rule]]
name = "small"
when = { recipient = "small.example" }
then = { profile = "compact", min_gain_percent = 9, deadline = "2s", trace_header = false }
)";

void test_recipients_get_the_least_change() {
    const auto rules = rules_from(kRecipients);
    struct Case {
        const char* name;
        std::vector<std::string_view> recipients;
        std::string_view want_alone, want_rule;
        ProfileName want_profile;
        std::int64_t want_deadline;
    };
    const Case kCases[] = {
        {"one", {"<x@careful.example>"}, "", "careful", ProfileName::kLossless, 1000},
        {"two alike",
         {"<x@careful.example>", "<y@careful.example>"},
         "",
         "careful",
         ProfileName::kLossless,
         1000},
        {"no rule", {"<x@y>"}, "", "", ProfileName::kBalanced, 5000},
        {"two rules",
         {"<x@small.example>", "<x@careful.example>"},
         "",
         "careful+small",
         ProfileName::kLossless,
         1000},
        {"rule and none", {"<x@small.example>", "<x@y>"}, "", "small+none", ProfileName::kBalanced, 2000},
        {"left alone among others",
         {"<x@small.example>", "<archive@y>", "<x@y>"},
         "evidence",
         "archive",
         ProfileName::kBalanced,
         2000},
        {"none at all", {}, "", "", ProfileName::kBalanced, 5000},
    };
    for (const Case& c : kCases) {
        Mail mail;
        mail.recipients = c.recipients;
        const auto policy = policy_of(rules, mail);
        CHECK_EQ(policy->leave_alone(), c.want_alone, c.name);
        CHECK_EQ(policy->rule(), c.want_rule, c.name);
        if (!c.want_alone.empty()) continue;
        CHECK(policy->settings().profile == c.want_profile, c.name);
        CHECK_EQ(policy->settings().deadline, c.want_deadline, c.name);
        CHECK_EQ(policy->for_part(kPhoto).rule, c.want_rule, c.name);
        CHECK(policy->for_part(kPhoto).settings->profile == c.want_profile, c.name);
    }
    Mail both;
    both.recipients = {"<x@small.example>", "<x@careful.example>"};
    const auto policy = policy_of(rules, both);
    const PartPolicy part = policy->for_part(kPhoto);
    CHECK_EQ(part.settings->min_size, 100u << 10);
    CHECK_EQ(part.settings->min_gain_percent, 9u);
    CHECK(!policy->settings().trace_header);
    CHECK(!part.options->lossy);
}

void test_recipients_differ_by_part() {
    const auto rules = rules_from(R"([[rule]]
name = "photos-to-press"
when = { recipient = "press@", format = ["jpeg"] }
then = { leave_alone = "for print" }
[[rule]]
name = "all"
then = { profile = "compact" }
)");
    Mail mail;
    mail.recipients = {"<press@x>", "<ben@x>"};
    const auto policy = policy_of(rules, mail);
    CHECK_EQ(policy->leave_alone(), "");
    CHECK_EQ(policy->rule(), "all");
    CHECK_EQ(policy->for_part(kPhoto).leave_alone, "for print");
    CHECK_EQ(policy->for_part(kPhoto).rule, "photos-to-press+all");
    CHECK_EQ(policy->for_part(kSheet).leave_alone, "");
    CHECK_EQ(policy->for_part(kSheet).rule, "all");
}

void test_part_rules_before_leave_alone_keep_their_word() {
    const auto rules = rules_from(R"([[rule]]
name = "big-pictures"
when = { format = ["jpeg"], size_min = "10kB" }
then = { profile = "lossless" }
[[rule]]
name = "stop"
then = { leave_alone = "all else stays" }
)");
    const auto policy = policy_of(rules, {});
    CHECK_EQ(policy->leave_alone(), "");
    CHECK_EQ(policy->for_part(kPhoto).leave_alone, "");
    CHECK_EQ(policy->for_part(kPhoto).rule, "big-pictures");
    CHECK_EQ(policy->for_part(kSheet).leave_alone, "all else stays");
}

void test_an_empty_then_keeps_later_rules_out() {
    const auto rules = rules_from(R"([[rule]]
name = "except"
when = { recipient = "boss@" }
then = {}
[[rule]]
name = "all"
then = { profile = "compact" }
)");
    Mail mail;
    mail.recipients = {"<boss@x>"};
    CHECK(policy_of(rules, mail)->settings().profile == ProfileName::kBalanced);
    CHECK_EQ(policy_of(rules, mail)->rule(), "except");
}

void test_opt_out_and_in() {
    Settings in;
    in.opt_in_header = "X-Small";
    Settings authenticated;
    authenticated.opt_trust = OptTrust::kAuthenticated;
    Settings nobody;
    nobody.opt_trust = OptTrust::kNobody;
    Settings none;
    none.opt_out_header.clear();
    enum Who { kOutside, kInside, kUser };
    struct Case {
        const char* name;
        Settings settings;
        Who who;
        std::vector<HeaderText> header;
        std::string_view want;
    };
    const HeaderText out{"x-optimilter-opt-OUT", " yes"};
    const Case kCases[] = {
        {"out, from inside", {}, kInside, {out}, "opted out by X-Optimilter-Opt-Out"},
        {"out, authenticated", {}, kUser, {out}, "opted out by X-Optimilter-Opt-Out"},
        {"out, from outside: does not count", {}, kOutside, {out}, ""},
        {"out: an empty value is yes",
         {},
         kInside,
         {{"X-Optimilter-Opt-Out", ""}},
         "opted out by X-Optimilter-Opt-Out"},
        {"out: no is no", {}, kInside, {{"X-Optimilter-Opt-Out", " No "}}, ""},
        {"out: 0 is no", {}, kInside, {{"X-Optimilter-Opt-Out", "0"}}, ""},
        {"out: one yes of two",
         {},
         kInside,
         {{"X-Optimilter-Opt-Out", "no"}, out},
         "opted out by X-Optimilter-Opt-Out"},
        {"another field", {}, kInside, {{"X-Optimilter-Opt", "yes"}}, ""},
        {"authenticated only, inside", authenticated, kInside, {out}, ""},
        {"authenticated only, user", authenticated, kUser, {out}, "opted out by X-Optimilter-Opt-Out"},
        {"nobody", nobody, kUser, {out}, ""},
        {"no such field", none, kUser, {out}, ""},
        {"in: not there", in, kInside, {}, "not opted in by X-Small"},
        {"in: there", in, kInside, {{"X-small", "1"}}, ""},
        {"in: no", in, kInside, {{"X-small", "false"}}, "not opted in by X-Small"},
        {"in, from outside: does not count", in, kOutside, {{"X-small", "1"}}, "not opted in by X-Small"},
        {"in and out", in, kInside, {{"X-small", "1"}, out}, "opted out by X-Optimilter-Opt-Out"},
    };
    for (const Case& c : kCases) {
        Mail mail;
        mail.envelope.direction = c.who == kOutside ? Direction::kInbound : Direction::kOutbound;
        if (c.who == kUser) mail.envelope.auth_user = "anna";
        mail.header = c.header;
        const auto policy = policy_of(rules_of(std::make_shared<const Settings>(c.settings)), mail);
        CHECK_EQ(policy->leave_alone(), c.want, c.name);
    }
}

void test_rules_trust_and_rules_ask_for_opt_in() {
    const auto rules = rules_from(R"([[rule]]
name = "partner"
when = { sender = "partner.example" }
then = { opt_trust = "everybody" }
[[rule]]
name = "asked-first"
when = { recipient = "careful@" }
then = { opt_in_header = "X-Small", opt_trust = "everybody" }
)");
    Mail mail;
    mail.header = {{"X-Optimilter-Opt-Out", "yes"}};
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "");
    mail.envelope.sender = "<x@partner.example>";
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "opted out by X-Optimilter-Opt-Out");
    CHECK_EQ(policy_of(rules, mail)->rule(), "partner");
    // One recipient who has to be asked first is enough.
    mail.envelope.sender = "<x@y>";
    mail.header.clear();
    mail.recipients = {"<ben@x>", "<careful@x>"};
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "not opted in by X-Small");
    mail.header = {{"X-Small", "yes"}};
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "");
}

void test_past_its_time_all_mail_passes() {
    const auto rules =
        rules_from("valid_until = 2027-12-31\n[[rule]]\nname = \"r\"\nthen = { effort = 1 }\n");
    using namespace std::chrono;
    const sys_seconds end = sys_days(year(2028) / 1 / 1);
    Mail mail;
    mail.now = end - seconds(1);
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "");
    mail.now = end;
    CHECK_EQ(policy_of(rules, mail)->leave_alone(), "p.toml was valid until 2027-12-31");
}

// 7 rules tell 128 kinds of recipients apart.
void test_too_many_kinds_of_recipients() {
    std::string toml;
    for (int i = 0; i < 7; ++i) {
        toml += "[[rule]]\nname = \"r" + std::to_string(i) +
                "\"\nwhen = { recipient = \"regexp:" + OPTIMILTER_TEST_BINARY_DIR "/kinds-" +
                std::to_string(i) + "\", format = [\"jpeg\"] }\nthen = { effort = 1 }\n";
        FILE* list = std::fopen((OPTIMILTER_TEST_BINARY_DIR "/kinds-" + std::to_string(i)).c_str(), "w");
        CHECK(list != nullptr);
        std::fprintf(list, "/^.{%d}1/ x\n", i);
        std::fclose(list);
    }
    const auto rules = rules_from(toml);
    const auto recipients = [](int count) {
        std::vector<std::string> texts;
        for (int n = 0; n < count; ++n) {
            std::string text;
            for (int bit = 0; bit < 7; ++bit) text += (n >> bit) % 2 == 1 ? '1' : '0';
            texts.push_back(text + "@x");
        }
        return texts;
    };
    for (const int count : {64, 65}) {
        MessagePolicy policy(rules, {});
        for (int again = 0; again < 3; ++again) {
            for (const std::string& one : recipients(count)) policy.add_recipient(one);
        }
        policy.set_header({}, {});
        CHECK_EQ(policy.leave_alone().empty(), count == 64);
    }
    MessagePolicy without(rules_of(std::make_shared<const Settings>()), {});
    for (const std::string& one : recipients(128)) without.add_recipient(one);
    without.set_header({}, {});
    CHECK_EQ(without.leave_alone(), "");
}

void test_header_floods_are_bounded() {
    const auto rules = rules_from(
        "[[rule]]\nname = \"r\"\nwhen = { header = { name = \"A\", equals = \"last\" } }\nthen = {}\n");
    Mail mail;
    mail.header.assign(kMostHeaderValues - 1, {"A", "x"});
    mail.header.push_back({"a", "last"});
    CHECK_EQ(policy_of(rules, mail)->rule(), "r");
    mail.header.assign(kMostHeaderValues, {"A", "x"});
    mail.header.push_back({"a", "last"});
    CHECK_EQ(policy_of(rules, mail)->rule(), "");
    const std::string long_name(2000, 'a'), long_value(1 << 20, 'b');
    mail.header = {{long_name, "x"}, {"A", long_value}};
    CHECK_EQ(policy_of(rules, mail)->rule(), "");
}

void test_many_rules_differ_in_one_log_word() {
    std::string toml;
    Mail mail;
    std::vector<std::string> recipients;
    for (int i = 0; i < 5; ++i) {
        toml += "[[rule]]\nname = \"r" + std::to_string(i) + "\"\nwhen = { recipient = \"u" +
                std::to_string(i) + "@\" }\nthen = {}\n";
        recipients.push_back("u" + std::to_string(i) + "@x");
    }
    mail.recipients.assign(recipients.begin(), recipients.end());
    CHECK_EQ(policy_of(rules_from(toml), mail)->rule(), "r0+r1+r2+...");
}

void test_why_rules_were_passed_over() {
    const auto rules = rules_from(R"([[rule]]
name = "a"
when = { direction = "outbound" }
then = {}
[[rule]]
name = "b"
when = { recipient = "nobody@" }
then = {}
[[rule]]
name = "c"
when = { format = ["png"] }
then = {}
[[rule]]
name = "d"
when = { sender = "anna@" }
then = {}
[[rule]]
name = "e"
then = {}
)");
    const auto policy = policy_of(rules, {});
    const auto text = [](const std::vector<PassedOver>& passed) {
        std::string line;
        for (const PassedOver& one : passed) line += one.rule->name + ":" + std::string(one.misfit) + " ";
        return line;
    };
    CHECK_EQ(text(policy->passed_over(nullptr)), "a:direction b:recipient ");
    CHECK_EQ(text(policy->passed_over(&kPhoto)), "a:direction b:recipient c:format ");
    Mail other;
    other.envelope.sender = "<x@y>";
    CHECK_EQ(text(policy_of(rules, other)->passed_over(&kPhoto)),
             "a:direction b:recipient c:format d:sender ");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_no_rules),
                                TEST(test_first_match_wins),
                                TEST(test_envelope_and_header_facts),
                                TEST(test_recipients_get_the_least_change),
                                TEST(test_recipients_differ_by_part),
                                TEST(test_part_rules_before_leave_alone_keep_their_word),
                                TEST(test_an_empty_then_keeps_later_rules_out),
                                TEST(test_opt_out_and_in),
                                TEST(test_rules_trust_and_rules_ask_for_opt_in),
                                TEST(test_past_its_time_all_mail_passes),
                                TEST(test_too_many_kinds_of_recipients),
                                TEST(test_header_floods_are_bounded),
                                TEST(test_many_rules_differ_in_one_log_word),
                                TEST(test_why_rules_were_passed_over)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
