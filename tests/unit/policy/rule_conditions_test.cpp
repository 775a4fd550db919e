// SPDX-License-Identifier: Apache-2.0
#include "policy/rule_conditions.hpp"

#include <fstream>

#include "check.hpp"
#include "policy/condition_reader.hpp"
#include "policy/mail_address.hpp"
#include "rules_from_text.hpp"

namespace optimilter {
namespace {

// One of everything; each case changes what it is about.
struct Facts {
    PolicyFacts message{Direction::kOutbound,       "anna",       "anna@mail.example.org",
                        parse_address("192.0.2.9"), "submission", {}};
    std::string recipient = "ben@receiver.example";
    PartFacts part{"image/jpeg", "Holiday.JPG", Format::kJpeg, 5000, 9000};
    std::vector<std::pair<std::string, std::string>> header = {{"list-id", "<x.example>"},
                                                               {"subject", "Hello"}};
};

// The name of the condition that does not fit; empty: all fit.
std::string_view misfit(const std::string& when, Facts facts) {
    const auto rules = rules_from("[[rule]]\nname = \"r\"\nwhen = { " + when + " }\nthen = {}\n");
    facts.message.headers.resize(rules->header_names.size());
    for (const auto& [name, value] : facts.header) {
        for (std::size_t i = 0; i < rules->header_names.size(); ++i) {
            if (rules->header_names[i] == name) facts.message.headers[i].push_back(value);
        }
    }
    const RuleConditions& conditions = rules->rules[0].when;
    std::string_view found = message_misfit(conditions, facts.message);
    if (found.empty()) found = recipient_misfit(conditions, facts.recipient);
    return found.empty() ? part_misfit(conditions, facts.part) : found;
}

std::string lists_folder() {
    return std::string(OPTIMILTER_TEST_BINARY_DIR);
}

void write_lists() {
    std::ofstream(lists_folder() + "/rule-list-hash") << "example.net x\nanna x\nben@receiver.example x\n";
    std::ofstream(lists_folder() + "/rule-list-regexp") << "/^anna/ x\n";
    std::ofstream(lists_folder() + "/rule-list-cidr") << "192.0.2.0/28 x\n";
}

void test_each_condition() {
    struct Case {
        std::string when;
        std::string_view want;  // the misfit
    };
    const std::string hash = "\"texthash:" + lists_folder() + "/rule-list-hash\"";
    const std::string regexp = "\"regexp:" + lists_folder() + "/rule-list-regexp\"";
    const std::string cidr = "\"cidr:" + lists_folder() + "/rule-list-cidr\"";
    const Case kCases[] = {
        {"", ""},
        {"direction = \"outbound\"", ""},
        {"direction = \"inbound\"", "direction"},
        {"authenticated = true", ""},
        {"authenticated = false", "authenticated"},
        {"auth_user = \"ANNA\"", ""},
        {"auth_user = [\"ben\", \"anna\"]", ""},
        {"auth_user = \"ann\"", "auth_user"},
        {"auth_user = " + hash, ""},
        {"auth_user = [\"x\", " + regexp + "]", ""},
        {"client = \"192.0.2.0/24\"", ""},
        {"client = [\"10.0.0.0/8\", \"192.0.2.9\"]", ""},
        {"client = \"192.0.2.8\"", "client"},
        {"client = " + cidr, ""},
        {"listener = \"Submission\"", ""},
        {"listener = [\"smtp\", \"smtps\"]", "listener"},
        {"sender = \"anna@mail.example.org\"", ""},
        {"sender = \"mail.example.org\"", ""},
        {"sender = \".example.org\"", ""},
        {"sender = \"example.org\"", "sender"},
        {"sender = \"anna@\"", ""},
        {"sender = \"<>\"", "sender"},
        {"sender = " + hash, "sender"},
        {"sender = [\"x@y\", " + regexp + "]", ""},
        {"recipient = \"receiver.example\"", ""},
        {"recipient = \"ben@\"", ""},
        {"recipient = \"anna@\"", "recipient"},
        {"recipient = " + hash, ""},
        {"recipient = " + regexp, "recipient"},
        {"header = { name = \"List-ID\" }", ""},
        {"header = { name = \"X-Other\" }", "header"},
        {"header = { name = \"X-Other\", present = false }", ""},
        {"header = { name = \"List-Id\", present = false }", "header"},
        {"header = { name = \"Subject\", equals = \"hello\" }", ""},
        {"header = { name = \"Subject\", equals = \"hell\" }", "header"},
        {"header = { name = \"Subject\", matches = \"^Hel\" }", ""},
        {"header = { name = \"Subject\", matches = \"^hel\" }", "header"},
        {"header = { name = \"Subject\", matches = \"(?i)^hel\" }", ""},
        {"header = [{ name = \"X-Other\" }, { name = \"Subject\" }]", ""},
        {"header_all = [{ name = \"X-Other\" }, { name = \"Subject\" }]", "header_all"},
        {"header_all = [{ name = \"List-Id\" }, { name = \"Subject\", equals = \"hello\" }]", ""},
        {"part_type = \"image/*\"", ""},
        {"part_type = [\"application/*\", \"IMAGE/JPEG\"]", ""},
        {"part_type = \"image/png\"", "part_type"},
        {"file_name = \"*.jpg\"", ""},
        {"file_name = \"*.png\"", "file_name"},
        {"file_name_matches = '^H.*\\.JPG$'", ""},
        {"file_name_matches = 'jpg$'", "file_name_matches"},
        {"format = [\"png\", \"jpeg\"]", ""},
        {"format = [\"png\"]", "format"},
        {"size_min = 5000, size_max = 5000", ""},
        {"size_min = 5001", "size_min, size_max"},
        {"size_max = \"4KiB\"", "size_min, size_max"},
        {"message_size_min = 9000, message_size_max = 9000", ""},
        {"message_size_min = 9001", "message_size_min, message_size_max"},
        {"message_size_max = 8999", "message_size_min, message_size_max"},
        // All that is asked must fit.
        {"direction = \"outbound\", sender = \"anna@\", format = [\"jpeg\"], size_min = 1", ""},
        {"direction = \"outbound\", sender = \"ben@\", format = [\"jpeg\"]", "sender"},
        {"sender = \"anna@\", format = [\"png\"], size_min = 1", "format"},
    };
    std::string asked;
    for (const Case& c : kCases) {
        CHECK_EQ(misfit(c.when, {}), c.want, c.when);
        asked += c.when + ",";
    }
    for (const std::string_view name : ConditionReader::names())
        CHECK(asked.find(std::string(name) + " = ") != std::string::npos, name);
}

void test_what_is_not_known() {
    Facts facts;
    facts.message.auth_user.clear();
    facts.message.client.reset();
    facts.message.listener.clear();
    facts.message.sender.clear();
    facts.part.type = facts.part.file_name = "";
    facts.part.format = Format::kUnknown;
    CHECK_EQ(misfit("authenticated = false", facts), "");
    CHECK_EQ(misfit("auth_user = \"anna\"", facts), "auth_user");
    CHECK_EQ(misfit("client = [\"0.0.0.0/0\", \"::/0\"]", facts), "client");
    CHECK_EQ(misfit("listener = \"x\"", facts), "listener");
    CHECK_EQ(misfit("sender = \"<>\"", facts), "");
    CHECK_EQ(misfit("sender = \"anna@\"", facts), "sender");
    CHECK_EQ(misfit("file_name = \"*.jpg\"", facts), "file_name");
    CHECK_EQ(misfit("format = [\"jpeg\"]", facts), "format");
}

void test_one_of_several_fields_is_enough() {
    Facts facts;
    facts.header = {{"received", "from a"}, {"received", "from b"}};
    CHECK_EQ(misfit("header = { name = \"Received\", equals = \"from b\" }", facts), "");
    CHECK_EQ(misfit("header = { name = \"Received\", equals = \"from c\" }", facts), "header");
}

void test_what_rules_ask_about() {
    const auto rules = rules_from(R"([[rule]]
name = "message"
when = { sender = "a@", header = { name = "x" } }
then = {}
[[rule]]
name = "recipient"
when = { recipient = "a@" }
then = {}
[[rule]]
name = "part"
when = { message_size_max = 1 }
then = {}
[[rule]]
name = "all"
then = {}
)");
    const auto& all = rules->rules;
    CHECK(!all[0].when.of_parts() && !all[0].when.of_recipients() && !all[0].when.none());
    CHECK(!all[1].when.of_parts() && all[1].when.of_recipients() && !all[1].when.none());
    CHECK(all[2].when.of_parts() && !all[2].when.of_recipients() && !all[2].when.none());
    CHECK(!all[3].when.of_parts() && !all[3].when.of_recipients() && all[3].when.none());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    write_lists();
    const CMUnitTest tests[] = {TEST(test_each_condition), TEST(test_what_is_not_known),
                                TEST(test_one_of_several_fields_is_enough), TEST(test_what_rules_ask_about)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
