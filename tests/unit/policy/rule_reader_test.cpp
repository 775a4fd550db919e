// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_reader.hpp"

#include "check.hpp"
#include "rules_from_text.hpp"

namespace optimilter {
namespace {

std::string problems_of(std::string_view toml) {
    return all_problems(parse_rules({{"p.toml", std::string(toml)}}, std::make_shared<const Settings>()));
}

// The rule around one condition or one action.
std::string rule_when(std::string_view when) {
    return "[[rule]]\nname = \"r\"\nwhen = { " + std::string(when) + " }\nthen = {}\n";
}
std::string rule_then(std::string_view then, std::string_view when = "") {
    return "[[rule]]\nname = \"r\"\nwhen = { " + std::string(when) + " }\nthen = { " + std::string(then) +
           " }\n";
}

struct Case {
    const char* name;
    std::string toml;
    std::string_view want;  // the one problem, from its beginning
};

void check_cases(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        const std::string got = problems_of(c.toml);
        CHECK(got.starts_with(c.want), std::string(c.name) + ": " + got);
        CHECK_EQ(std::count(got.begin(), got.end(), '\n'), 1, std::string(c.name) + ": " + got);
    }
}

void test_shape() {
    check_cases({
        {"no TOML", "[[rule\n", "p.toml:1: "},
        {"unknown name", "\nrules = 1\n", "p.toml:2: unknown name \"rules\"; did you mean \"rule\"?"},
        {"one bracket", "[rule]\nname = \"a\"\nthen = {}\n", "p.toml:1: want [[rule]], with two brackets"},
        {"a number", "rule = 1\n", "p.toml:1: want [[rule]]"},
        {"no name", "[[rule]]\nthen = {}\n", "p.toml:1: the rule needs a name in quotes"},
        {"name no text", "[[rule]]\nname = 1\nthen = {}\n", "p.toml:2: the rule needs a name in quotes"},
        {"empty name", "[[rule]]\nname = \"\"\nthen = {}\n", "p.toml:2: name \"\": want 1 to 60 letters"},
        {"blank in a name", "[[rule]]\nname = \"a b\"\nthen = {}\n", "p.toml:2: name \"a b\": want"},
        {"name of no rule", "[[rule]]\nname = \"none\"\nthen = {}\n", "p.toml:2: name \"none\": want"},
        {"long name", "[[rule]]\nname = \"" + std::string(61, 'a') + "\"\nthen = {}\n",
         "p.toml:2: name \"aaa"},
        {"no then", "[[rule]]\nname = \"a\"\n", "p.toml:1: the rule has no \"then\""},
        {"then no table", "[[rule]]\nname = \"a\"\nthen = 1\n", "p.toml:3: then: want a table"},
        {"when no table", "[[rule]]\nname = \"a\"\nwhen = true\nthen = {}\n", "p.toml:3: when: want a table"},
        {"unknown part", "[[rule]]\nname = \"a\"\nthn = 1\nthen = {}\n",
         "p.toml:3: unknown part of a rule \"thn\"; did you mean \"then\"?"},
        {"name taken",
         "[[rule]]\nname = \"a\"\nwhen = { authenticated = true }\nthen = {}\n[[rule]]\nname = \"a\"\nthen = "
         "{}\n",
         "p.toml:6: the name \"a\" is taken, p.toml:1 has it"},
        {"valid_until no date", "valid_until = \"2027-01-01\"\n", "p.toml:1: valid_until: want a date"},
        {"valid_until with a time", "valid_until = 2027-01-01T00:00:00Z\n",
         "p.toml:1: valid_until: want a date"},
        {"no such day", "valid_until = 2027-02-30\n", "p.toml:1: "},
        {"deep name",
         std::string("a") +
             [] {
                 std::string s;
                 for (int i = 0; i < 70; ++i) s += ".a";
                 return s;
             }() +
             " = 1\n",
         "p.toml:1: a name with too many dots"},
    });
    std::string many;
    for (int i = 0; i < 1001; ++i)
        many +=
            "[[rule]]\nname = \"a" + std::to_string(i) + "\"\nwhen = { authenticated = true }\nthen = {}\n";
    CHECK_EQ(problems_of(many), "p.toml:4001: more than 1000 rules in all\n");
}

void test_conditions_refused() {
    check_cases({
        {"unknown", rule_when("sendr = \"a\""),
         "p.toml:3: unknown condition \"sendr\"; did you mean \"sender\"?"},
        {"far from all", rule_when("zzzzzzzz = 1"), "p.toml:3: unknown condition \"zzzzzzzz\"\n"},
        {"direction", rule_when("direction = \"out\""),
         "p.toml:3: direction: want \"inbound\" or \"outbound\""},
        {"direction no text", rule_when("direction = 1"), "p.toml:3: direction: want"},
        {"authenticated", rule_when("authenticated = \"yes\""), "p.toml:3: want true or false"},
        {"auth_user", rule_when("auth_user = 1"), "p.toml:3: want text in quotes, or a list"},
        {"auth_user, empty text", rule_when("auth_user = \"\""), "p.toml:3: want text in quotes, or a list"},
        {"listener, empty list", rule_when("listener = []"), "p.toml:3: an empty list fits nothing"},
        {"client", rule_when("client = \"10.0.0.1/8\""),
         "p.toml:3: \"10.0.0.1/8\" has bits set behind the prefix"},
        {"client name", rule_when("client = \"mail.example.org\""),
         "p.toml:3: \"mail.example.org\" is no IP address"},
        {"client in a texthash", rule_when("client = \"texthash:/x\""),
         "p.toml:3: lists of clients are cidr:/path"},
        {"sender in a cidr", rule_when("sender = \"cidr:/x\""), "p.toml:3: cidr:/path is for clients"},
        {"sender in a database", rule_when("sender = \"hash:/x\""),
         "p.toml:3: \"hash:/x\": give the text file"},
        {"list that is not there", rule_when("sender = \"texthash:/nowhere/x\""), "/nowhere/x: No such file"},
        {"sender", rule_when("sender = [\"a@b\", \"*@b\"]"),
         "p.toml:3: \"*@b\": want user@example.org, example.org"},
        {"recipient", rule_when("recipient = [1]"), "p.toml:3: want text in quotes"},
        {"header, text", rule_when("header = \"Subject\""), "p.toml:3: want { name = \"Field\" }"},
        {"header, empty list", rule_when("header = []"), "p.toml:3: want { name = \"Field\" }"},
        {"header, list of texts", rule_when("header = [\"Subject\"]"), "p.toml:3: want { name = \"Field\" }"},
        {"header without name", rule_when("header = { equals = \"x\" }"),
         "p.toml:3: header: the name is missing"},
        {"header, empty name", rule_when("header = { name = \"\" }"), "p.toml:3: header: the name is empty"},
        {"header, bad name", rule_when("header = { name = \"A:\" }"),
         "p.toml:3: \"A:\": is no name of a header field"},
        {"header, unknown key", rule_when("header = { name = \"A\", regex = \"x\" }"),
         "p.toml:3: header: \"regex\": want"},
        {"header, wrong kind", rule_when("header = { name = \"A\", equals = 1 }"),
         "p.toml:3: header: \"equals\": want"},
        {"header, both", rule_when("header = { name = \"A\", equals = \"x\", matches = \"y\" }"),
         "p.toml:3: header: equals, matches and present = false exclude"},
        {"header, absent and equal",
         rule_when("header_all = { name = \"A\", equals = \"x\", present = false }"),
         "p.toml:3: header: equals, matches and present = false exclude"},
        {"header, bad expression", rule_when("header = { name = \"A\", matches = \"(\" }"),
         "p.toml:3: missing ): ("},
        {"expression no text", rule_when("file_name_matches = 1"),
         "p.toml:3: want a regular expression in quotes"},
        {"expression", rule_when("file_name_matches = '(?=x)'"), "p.toml:3: "},
        {"part_type", rule_when("part_type = 1"), "p.toml:3: want text in quotes"},
        {"long glob", rule_when("file_name = \"" + std::string(2000, 'a') + "\""),
         "p.toml:3: longer than 2000 bytes"},
        {"format", rule_when("format = [\"jpg\"]"), "p.toml:3: format: element 1: \"jpg\" is none of jpeg"},
        {"format, empty", rule_when("format = []"), "p.toml:3: an empty list fits nothing"},
        {"size", rule_when("size_min = \"8K\""), "p.toml:3: "},
        {"size below 0", rule_when("size_max = -1"), "p.toml:3: -1 is out of range"},
        {"sizes crossed", rule_when("size_min = 2, size_max = 1"), "p.toml:3: size_min is above size_max"},
        {"message sizes crossed", rule_when("message_size_min = 2, message_size_max = 1"),
         "p.toml:3: message_size_min is above message_size_max"},
    });
}

void test_actions_refused() {
    check_cases({
        {"unknown", rule_then("profil = \"lossless\""),
         "p.toml:4: unknown setting \"profil\"; did you mean \"profile\"?"},
        {"nearly leave_alone", rule_then("leave_alon = \"x\""),
         "p.toml:4: unknown action \"leave_alon\"; did you mean \"leave_alone\"?"},
        {"wrong kind", rule_then("profile = 1"),
         "p.toml:4: profile: want one of lossless, balanced, compact"},
        {"out of range", rule_then("effort = 9"), "p.toml:4: effort: 9 is out of range, 0 to 4"},
        {"of the process", rule_then("workers = 3"), "p.toml:4: workers is not a matter of single messages"},
        {"of all messages", rule_then("body_budget = \"1GiB\""),
         "p.toml:4: body_budget is not a matter of single messages"},
        {"decides before the rules", rule_then("internal_networks = []"),
         "p.toml:4: internal_networks is not a matter"},
        {"reason missing", rule_then("leave_alone = true"),
         "p.toml:4: leave_alone: want the reason, in quotes"},
        {"reason empty", rule_then("leave_alone = \" \""),
         "p.toml:4: leave_alone: want the reason, in quotes"},
        {"reason long", rule_then("leave_alone = \"" + std::string(121, 'x') + "\""),
         "p.toml:4: leave_alone: want the reason"},
        {"leave_alone and more", rule_then("leave_alone = \"x\", effort = 1"),
         "p.toml:4: leave_alone stands alone"},
        {"longer deadline", rule_then("deadline = \"6s\""),
         "p.toml:4: deadline 6s is above that of the settings, 5s; a rule may shorten it only"},
        {"crossed sizes", rule_then("min_size = \"1MiB\", max_size = \"1KiB\""),
         "p.toml:4: min_size is above max_size"},
        {"crossed with the settings", rule_then("max_size = \"2KiB\""),
         "p.toml:4: min_size is above max_size"},
        {"crossed qualities", rule_then("profile = \"balanced\", jpeg_quality_min = 90"),
         "p.toml:4: jpeg_quality_min 90 is above"},
        {"deadline by part", rule_then("deadline = \"1s\"", "format = [\"jpeg\"]"),
         "p.toml:4: deadline counts for whole messages, but this rule asks about parts"},
        {"dry_run by part", rule_then("dry_run = true", "file_name = \"a\""),
         "p.toml:4: dry_run counts for whole messages"},
        {"dry_run by size", rule_then("dry_run = true", "message_size_min = 1"),
         "p.toml:4: dry_run counts for whole messages"},
    });
}

void test_all_problems_are_told() {
    CHECK_EQ(
        problems_of(
            "valid_until = 1\n[[rule]]\nname = \"a b\"\nwhen = { directon = 1 }\nthen = { efort = 1 }\n"),
        "p.toml:1: valid_until: want a date, such as 2027-12-31\n"
        "p.toml:3: name \"a b\": want 1 to 60 letters, digits, \"_\", \"-\", \".\"; not none\n"
        "p.toml:4: unknown condition \"directon\"; did you mean \"direction\"?\n"
        "p.toml:5: unknown setting \"efort\"; did you mean \"effort\"?\n");
}

void test_what_is_read() {
    const auto rules = rules_from(R"(valid_until = 2027-12-31
[[rule]]
name = "alone"
when = { sender = "a@b" }
then = { leave_alone = "because" }

[[rule]]
name = "rest"
[rule.when]
direction = "outbound"
[rule.then]
profile = "compact"
deadline = "1s"
)");
    CHECK_EQ(rules->rules.size(), 2u);
    CHECK_EQ(rules->rules[0].place, "p.toml:2");
    CHECK_EQ(rules->rules[0].leave_alone, "because");
    const Rule& rest = rules->rules[1];
    CHECK_EQ(rest.place, "p.toml:7");
    CHECK(rest.settings->profile == ProfileName::kCompact && rest.settings->deadline == 1000);
    CHECK_EQ(rest.settings->min_size, rules->settings->min_size);
    CHECK_EQ(rest.then.size(), 2u);
    CHECK_EQ(rest.then[0] + ", " + rest.then[1], "deadline = \"1s\", profile = \"compact\"");
    CHECK_EQ(print_day(rules->valid_until.at(0).last_day), "2027-12-31");
    CHECK(rules->warnings.empty());
}

void test_unreachable_rules_are_told() {
    const auto rules =
        rules_from("[[rule]]\nname = \"all\"\nthen = {}\n[[rule]]\nname = \"more\"\nthen = {}\n");
    CHECK_EQ(rules->warnings.size(), 1u);
    CHECK_EQ(rules->warnings[0], "p.toml:4: rule all fits everything before this rule is asked");
}

void test_header_names_are_asked_once() {
    const auto rules =
        rules_from(rule_when("header = [{ name = \"A\" }, { name = \"b\" }], header_all = { name = \"a\" }"));
    CHECK_EQ(rules->header_names.size(), 2u);
    CHECK_EQ(rules->rules[0].when.header_all[0].slot, 0u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_shape),
                                TEST(test_conditions_refused),
                                TEST(test_actions_refused),
                                TEST(test_all_problems_are_told),
                                TEST(test_what_is_read),
                                TEST(test_unreachable_rules_are_told),
                                TEST(test_header_names_are_asked_once)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
