// SPDX-License-Identifier: Apache-2.0
//
// The trip under rules, with real workers and no MTA: own sample mails.
#include <string>

#include "check.hpp"
#include "mail/message_text.hpp"
#include "milter/trip.hpp"
#include "test_pool.hpp"

namespace optimilter {
namespace {

Bytes file_of(const std::string& name) {
    const auto bytes = read_file((OPTIMILTER_TEST_SOURCE_DIR "/samples/" + name).c_str(), 8 << 20);
    CHECK(bytes.has_value(), name);
    return *bytes;
}

std::shared_ptr<const RuleSet> rules_from(const std::string& toml) {
    LoadedRules loaded = parse_rules({{"p.toml", toml}}, std::make_shared<const Settings>(test_settings()));
    CHECK(loaded.ok(), loaded.ok() ? "" : loaded.problems[0].text);
    return loaded.rules;
}

// rule names, in order: "when" and "then" of each.
std::string rule(const std::string& name, const std::string& when, const std::string& then) {
    return "[[rule]]\nname = \"" + name + "\"\nwhen = { " + when + " }\nthen = { " + then + " }\n";
}

TripResult trip(const std::string& name, const std::string& toml, bool plan_only = false) {
    const Bytes bytes = file_of(name);
    const auto message = split_message(bytes);
    CHECK(message.has_value(), name);
    MessagePolicy policy(rules_from(toml), {});
    policy.add_recipient("<ben@receiver.example>");
    policy.set_header({}, {});
    const TripInput input{message->fields,     slice(bytes, message->body), false,
                          Direction::kInbound, Deadline::in_ms(60000),      &policy};
    return plan_only ? plan_trip(input, policy.settings())
                     : run_trip(input, policy.settings(), *pool_, counters_);
}

const PartReport& attachment(const TripResult& result) {
    CHECK(!result.parts.empty());
    return result.parts.back();
}

void test_parts_by_rule() {
    struct Case {
        const char* name;
        const char* sample;
        std::string toml;
        Outcome want;
        std::string_view want_reason, want_rule;
    };
    const Case kCases[] = {
        {"no rule fits", "01-holiday-photo.eml", rule("a", "format = [\"png\"]", "leave_alone = \"x\""),
         Outcome::kOptimized, "", ""},
        {"left alone", "01-holiday-photo.eml",
         rule("a", "file_name = \"*.jpg\"", "leave_alone = \"because\""), Outcome::kUntouchable, "because",
         "a"},
        {"left alone by size", "01-holiday-photo.eml",
         rule("a", "size_min = \"100kB\"", "leave_alone = \"big\""), Outcome::kUntouchable, "big", "a"},
        {"by the size of the message", "01-holiday-photo.eml",
         rule("a", "message_size_min = \"100MB\"", "leave_alone = \"x\"") +
             rule("b", "message_size_min = \"100kB\"", "leave_alone = \"big mail\""),
         Outcome::kUntouchable, "big mail", "b"},
        {"window of a rule", "01-holiday-photo.eml",
         rule("a", "part_type = \"image/*\"", "min_size = \"1GiB\", max_size = \"1GiB\""),
         Outcome::kNotApplicable, "smaller than min_size", "a"},
        {"format off by rule", "01-holiday-photo.eml",
         rule("a", "part_type = \"image/*\"", "formats = [\"png\"]"), Outcome::kNotApplicable,
         "format switched off", "a"},
        {"gain of a rule", "01-holiday-photo.eml",
         rule("a", "part_type = \"image/*\"", "min_gain_percent = 99"), Outcome::kNotSmaller, "", "a"},
        // A document is told from a ZIP archive only once it is decoded.
        {"document", "04-report-docx.eml",
         rule("zips", "format = [\"zip\"]", "leave_alone = \"no\"") +
             rule("documents", "format = [\"ooxml\"]", "leave_alone = \"report\""),
         Outcome::kUntouchable, "report", "documents"},
        {"archive", "07-photos-zip.eml", rule("a", "format = [\"ooxml\"]", "leave_alone = \"no\""),
         Outcome::kOptimized, "", ""},
    };
    for (const Case& c : kCases) {
        const TripResult result = trip(c.sample, c.toml);
        const PartReport& part = attachment(result);
        CHECK_EQ(outcome_name(part.outcome), outcome_name(c.want), c.name);
        if (!c.want_reason.empty()) CHECK_EQ(part.reason, c.want_reason, c.name);
        CHECK_EQ(part.rule, c.want_rule, c.name);
        CHECK_EQ(result.rule, "", c.name);
        CHECK_EQ(result.new_body.has_value(), c.want == Outcome::kOptimized, c.name);
    }
}

void test_profile_of_a_rule_reaches_the_worker() {
    const TripResult plain = trip("01-holiday-photo.eml", "");
    const TripResult compact =
        trip("01-holiday-photo.eml", rule("a", "format = [\"jpeg\"]", "profile = \"compact\""));
    CHECK(!attachment(plain).score.has_value());
    CHECK(attachment(compact).score.has_value());
    CHECK(attachment(compact).bytes_out < attachment(plain).bytes_out);
    CHECK_EQ(attachment(compact).rule, "a");
}

void test_rules_of_the_message() {
    const TripResult dry = trip("01-holiday-photo.eml", rule("try", "", "dry_run = true"));
    CHECK(!dry.new_body.has_value() && dry.dry_run);
    CHECK_EQ(dry.reason, "dry run");
    CHECK_EQ(dry.rule, "try");
    CHECK_EQ(attachment(dry).rule, "try");
    const TripResult alone = trip("01-holiday-photo.eml", rule("stop", "", "leave_alone = \"evidence\""));
    CHECK(!alone.new_body.has_value());
    CHECK_EQ(alone.reason, "evidence");
    CHECK_EQ(alone.rule, "stop");
    CHECK_EQ(attachment(alone).reason, "evidence");
}

// What explains must tell what happens: the same code up to the workers, and no more.
void test_a_plan_is_what_then_happens() {
    const std::string toml = rule("photos", "format = [\"jpeg\"]", "leave_alone = \"photo\"") +
                             rule("documents", "format = [\"ooxml\", \"odf\"]", "min_size = \"1MiB\"") +
                             rule("rest", "", "effort = 1");
    const char* const samples[] = {"01-holiday-photo.eml", "03-screenshot.eml", "04-report-docx.eml",
                                   "06-offer-odt.eml",     "07-photos-zip.eml", "08-plain-text.eml",
                                   "09-pgp-signed.eml",    "10-dkim-signed.eml"};
    std::size_t worked_on = 0;
    for (const char* name : samples) {
        const TripResult plan = trip(name, toml, true), done = trip(name, toml);
        CHECK_EQ(plan.parts.size(), done.parts.size(), name);
        CHECK_EQ(plan.rule, done.rule, name);
        CHECK(!plan.new_body.has_value(), name);
        for (std::size_t i = 0; i < plan.parts.size(); ++i) {
            CHECK_EQ(plan.parts[i].rule, done.parts[i].rule, name);
            if (plan.parts[i].outcome == Outcome::kOptimized) {
                ++worked_on;
                CHECK(!done.parts[i].optimizer.empty(), name);
                continue;
            }
            CHECK_EQ(outcome_name(plan.parts[i].outcome), outcome_name(done.parts[i].outcome), name);
            CHECK_EQ(plan.parts[i].reason, done.parts[i].reason, name);
        }
    }
    CHECK(worked_on > 1);
}

void test_bare_files() {
    const Bytes bytes = file_of("08-plain-text.eml");
    for (const bool fits : {true, false}) {
        MessagePolicy policy(
            rules_from(rule("a", std::string("file_name = \"*.") + (fits ? "jpg\"" : "png\""),
                            "leave_alone = \"x\"")),
            {});
        policy.set_header({}, {});
        auto input = Memfd::create("test");
        CHECK(input.has_value() && input->append(bytes).has_value());
        const FileResult result =
            run_file_trip(std::move(*input), {{}, "a.jpg"}, Direction::kInbound, Deadline::in_ms(60000),
                          policy.settings(), *pool_, counters_, &policy);
        CHECK_EQ(result.report.rule, fits ? "a" : "");
        CHECK_EQ(result.report.reason, fits ? "x" : "format not known");
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_parts_by_rule), TEST(test_profile_of_a_rule_reaches_the_worker),
                                TEST(test_rules_of_the_message), TEST(test_a_plan_is_what_then_happens),
                                TEST(test_bare_files)};
    return cmocka_run_group_tests(tests, start_pool, stop_pool);
}
