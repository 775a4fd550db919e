// SPDX-License-Identifier: Apache-2.0
#include "console/explanation.hpp"

#include <nlohmann/json.hpp>

#include "check.hpp"

namespace optimilter {
namespace {

Explanation explanation() {
    Explanation told;
    told.file = "a.eml";
    told.direction = "inbound";
    told.deadline_ms = 2000;
    told.rule = {
        "staff", "/p/10.toml:7", {"profile = \"compact\""}, {{"press", "recipient"}, {"boss", "sender"}}};
    told.recipients = {{"a@b", "staff", ""}, {"c@d", "", ""}};
    ExplainedPart part;
    part.index = 2;
    part.type = "image/jpeg";
    part.file_name = "x.jpg";
    part.format = "jpeg";
    part.bytes_in = 900;
    part.work = true;
    part.rule = told.rule;
    told.parts = {part};
    return told;
}

void test_text() {
    CHECK_EQ(explanation_text(explanation()),
             "message: inbound; rule staff (/p/10.toml:7)\n"
             "    deadline 2s\n"
             "    a@b: rule staff\n"
             "    c@d: no rule\n"
             "    sets: profile = \"compact\"\n"
             "    passed over: press (recipient), boss (sender)\n"
             "part 2: image/jpeg \"x.jpg\", jpeg, 900 bytes\n"
             "    rule staff (/p/10.toml:7): worked on\n"
             "    sets: profile = \"compact\"\n"
             "    passed over: press (recipient), boss (sender)\n");
}

void test_text_of_what_is_left_alone() {
    Explanation told = explanation();
    told.recipients.resize(1);
    told.rule = {"a+none", "", {}, {}};
    told.reason = "evidence";
    told.parts[0].work = false;
    told.parts[0].rule = {};
    told.parts[0].reason = "smaller than min_size";
    ExplainedPart text;
    text.index = 3;
    text.format = "unknown";
    text.asked = false;
    text.reason = "text is never changed";
    told.parts.push_back(text);
    CHECK_EQ(explanation_text(told),
             "message: inbound; rules a+none, the least change of them: left as it is: evidence\n"
             "part 2: image/jpeg \"x.jpg\", jpeg, 900 bytes\n"
             "    no rule: left as it is: smaller than min_size\n"
             "part 3: -, unknown, 0 bytes\n"
             "    left as it is: text is never changed\n");
}

void test_long_lists_are_wrapped() {
    Explanation told = explanation();
    told.parts.clear();
    told.recipients.clear();
    told.dry_run = true;
    told.rule.passed_over.clear();
    for (int i = 0; i < 30; ++i) told.rule.passed_over.push_back({"rule-" + std::to_string(i), "header"});
    const std::string text = explanation_text(told);
    CHECK(text.find("deadline 2s, dry run: nothing is changed\n") != text.npos);
    std::size_t begin = 0, lines = 0;
    for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
        CHECK(end - begin <= 80, text.substr(begin, end - begin));
        CHECK(end == begin || text[end - 1] != ' ', "a blank at the end");
        begin = end + 1;
        ++lines;
    }
    CHECK(lines > 8);
    CHECK(text.find("rule-29 (header)\n") != text.npos);
}

void test_foreign_text_is_cleaned() {
    Explanation told = explanation();
    told.parts[0].file_name = "\x1b[2J\n.jpg";
    told.parts[0].type = "a\rb";
    told.recipients = {{"\x1b@x", "a", ""}, {"y@z", "b", ""}};
    const std::string text = explanation_text(told);
    CHECK(text.find('\x1b') == text.npos && text.find('\r') == text.npos);
    const std::string json = explanation_json(told);
    CHECK_EQ(json.find('\n'), json.size() - 1);
    CHECK(nlohmann::json::accept(json));
}

void test_json() {
    const auto json = nlohmann::json::parse(explanation_json(explanation()));
    CHECK_EQ(json["rule"], "staff");
    CHECK_EQ(json["place"], "/p/10.toml:7");
    CHECK_EQ(json["deadline_ms"], 2000);
    CHECK_EQ(json["passed_over"][1]["condition"], "sender");
    CHECK_EQ(json["recipients"][1]["recipient"], "c@d");
    CHECK_EQ(json["parts"][0]["work"], true);
    CHECK_EQ(json["parts"][0]["settings"][0], "profile = \"compact\"");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_text), TEST(test_text_of_what_is_left_alone),
                                TEST(test_long_lists_are_wrapped), TEST(test_foreign_text_is_cleaned),
                                TEST(test_json)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
