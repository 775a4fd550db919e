// SPDX-License-Identifier: Apache-2.0
//
// The events of one MTA connection, without libmilter: what is answered to each, and what is given back at
// the end.
#include "milter/session.hpp"

#include <string>

#include "check.hpp"
#include "mail/message_text.hpp"
#include "test_pool.hpp"

namespace optimilter {
namespace {

// An engine with settings of the test's own, and a session that has agreed to everything.
struct Fixture {
    explicit Fixture(Settings settings = {})
        : engine(std::make_shared<const Settings>(std::move(settings)), *pool_, counters_), session(engine) {
        Session::Agreed agreed;
        agreed.skip_body = true;
        session.set_agreed(agreed);
        session.set_client("192.0.2.1");
    }

    void add_mixed_header() {
        session.add_header("MIME-Version", " 1.0");
        session.add_header("Content-Type", " multipart/mixed; boundary=B");
    }

    Engine engine;
    Session session;
};

constexpr std::string_view kBody = "--B\r\nContent-Type: text/plain\r\n\r\nhello\r\n--B--\r\n";

void test_message_to_its_end() {
    Fixture f;
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kContinue);
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);
    CHECK(f.session.add_body(as_bytes(kBody)) == Step::kContinue);
    CHECK_EQ(f.engine.body_budget.held(), kBody.size());
    const TripResult result = f.session.finish("QID");
    CHECK(!result.new_body.has_value());
    CHECK_EQ(result.bytes_out, kBody.size());
    CHECK_EQ(f.session.queue_id(), "QID");
    f.session.end_message();
    CHECK_EQ(f.engine.body_budget.held(), 0u);
}

void test_accept_before_the_body() {
    struct Case {
        const char* name;
        const char* field;
        const char* value;
    };
    constexpr Case kCases[] = {
        {"no MIME", "Subject", " x"},
        {"signed", "Content-Type", " multipart/signed; boundary=B; protocol=\"application/pgp-signature\""},
        {"DKIM, inbound", "DKIM-Signature", " v=1"},
    };
    for (const Case& c : kCases) {
        Fixture f;
        f.session.begin_message("<a@example.org>", false);
        if (std::string_view(c.field) != "Subject") f.session.add_header("MIME-Version", " 1.0");
        if (std::string_view(c.field) == "DKIM-Signature")
            f.session.add_header("Content-Type", " multipart/mixed; boundary=B");
        f.session.add_header(c.field, c.value);
        CHECK(f.session.end_headers() == Step::kAccept, c.name);
        CHECK(!f.session.pass_reason().empty(), c.name);
    }
}

void test_body_budget_skips() {
    Settings settings;
    settings.body_budget = 1 << 20;
    settings.client_share = 1;
    Fixture f(settings);
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);
    const std::string chunk(9000, 'x');
    CHECK(f.session.add_body(as_bytes(chunk)) == Step::kContinue);
    CHECK(f.session.add_body(as_bytes(chunk)) == Step::kSkip);
    CHECK_EQ(f.engine.body_budget.held(), 0u);
    CHECK_EQ(f.session.finish("QID").reason, "body budget used up");
}

void test_without_skip_the_rest_is_ignored() {
    Settings settings;
    settings.body_budget = 1 << 20;
    settings.client_share = 1;
    Fixture f(settings);
    f.session.set_agreed({});
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    f.session.end_headers();
    const std::string chunk(20000, 'x');
    CHECK(f.session.add_body(as_bytes(chunk)) == Step::kContinue);
    CHECK(f.session.add_body(as_bytes("x")) == Step::kContinue);
    CHECK_EQ(f.session.body_bytes(), 0u);
}

void test_header_flood_passes() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    const std::string value(100'000, 'x');
    for (int i = 0; i < 12; ++i) f.session.add_header("X-Flood", value);
    CHECK(f.session.end_headers() == Step::kAccept);
    CHECK_EQ(f.session.pass_reason(), "header too long");
}

void test_draining_accepts() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    f.engine.draining = true;
    CHECK(f.session.end_headers() == Step::kAccept);
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kAccept);
}

void test_mta_without_body_replacement() {
    Fixture f;
    Session::Agreed agreed;
    agreed.replace_body = false;
    f.session.set_agreed(agreed);
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kAccept);
}

void test_nothing_is_left_of_the_last_message() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.session.add_header("DKIM-Signature", " v=1");
    f.session.end_headers();
    f.session.begin_message("<a@example.org>", true);
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);
    CHECK(f.session.direction() == Direction::kOutbound);
}

void test_reply_holds_the_drain() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    f.session.end_headers();
    f.session.add_body(as_bytes(kBody));
    f.session.finish("QID");
    CHECK_EQ(f.engine.in_flight.count(), 1u);
    f.session.reply_arrived();
    CHECK_EQ(f.engine.in_flight.count(), 0u);
    f.session.reply_arrived();
    CHECK_EQ(f.engine.in_flight.count(), 0u);
}

void test_drain_by_the_operator() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.engine.drain_ordered = true;
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);  // what is under way goes on
    CHECK(f.session.add_body(as_bytes(kBody)) == Step::kContinue);
    const auto drained = [] { return counters_.get(Counter::kMessagesDrained); };
    const std::uint64_t before = drained();
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kAccept);
    CHECK_EQ(drained(), before + 1);
    CHECK_EQ(f.engine.body_budget.held(), 0u);
    f.engine.drain_ordered = false;
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kContinue);
    CHECK_EQ(drained(), before + 1);
}

LoadLimits bypass(std::uint32_t one_in) {
    LoadLimits limits;
    limits.level = kLoadBypass;
    limits.bypass = true;
    limits.probe_one_in = one_in;
    return limits;
}

void test_bypass_accepts_unread() {
    Fixture f;
    f.engine.load.publish(bypass(0));
    const std::uint64_t before = counters_.get(Counter::kMessagesBypassed);
    for (int i = 0; i < 50; ++i) CHECK(f.session.begin_message("<a@example.org>", false) == Step::kAccept);
    CHECK_EQ(counters_.get(Counter::kMessagesBypassed), before + 50);
    CHECK_EQ(counters_.get(Counter::kMessagesProbed), 0u);
    f.engine.load.publish({});
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kContinue);
    CHECK_EQ(f.session.load_level(), 0);
}

void test_bypass_works_on_one_in_so_many() {
    Fixture f;
    f.engine.load.publish(bypass(20));
    const std::uint64_t bypassed = counters_.get(Counter::kMessagesBypassed);
    const std::uint64_t probed = counters_.get(Counter::kMessagesProbed);
    int worked = 0;
    for (int i = 0; i < 100; ++i)
        worked += f.session.begin_message("<a@example.org>", false) == Step::kContinue;
    CHECK_EQ(worked, 5);
    CHECK_EQ(f.session.load_level(), 5);
    CHECK_EQ(counters_.get(Counter::kMessagesProbed), probed + 5);
    CHECK_EQ(counters_.get(Counter::kMessagesBypassed), bypassed + 95);
}

// What the message may do is what held when it began.
void test_message_under_way_stays() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.engine.load.publish(bypass(0));
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);
    CHECK(f.session.add_body(as_bytes(kBody)) == Step::kContinue);
    CHECK_EQ(f.session.load_level(), 0);
}

// Mail without anything to work on says nothing of how long work takes.
void test_only_work_is_timed() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    f.session.end_headers();
    f.session.add_body(as_bytes(kBody));
    f.session.finish("QID");
    f.session.end_message();
    CHECK_EQ(f.engine.load.look().finished, 0u);
    const auto sample =
        read_file(OPTIMILTER_TEST_SOURCE_DIR "/samples/01-holiday-photo.eml", std::size_t{8} << 20);
    auto text = split_message(*sample);
    f.session.begin_message("<a@example.org>", false);
    for (const HeaderField& field : text->fields) f.session.add_header(field.name, field.value);
    CHECK(f.session.end_headers() == Step::kContinue);
    f.session.add_body(slice(*sample, text->body));
    const TripResult result = f.session.finish("QID");
    CHECK(result.worked_on);
    const LoadBoard::Seen seen = f.engine.load.look();
    CHECK_EQ(seen.finished, 1u);
    CHECK(seen.eom_p95_ms.value() >= result.work_ms);
    CHECK_EQ(seen.deadlines_missed.value(), 0.0);
}

void test_stress_is_passed_on() {
    Fixture f;
    CHECK(!f.engine.load.look().stress);
    f.session.note_stress();
    CHECK(f.engine.load.look().stress);
}

void test_the_end_drains_what_is_under_way() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    f.engine.draining = true;
    f.add_mixed_header();
    const std::uint64_t before = counters_.get(Counter::kMessagesDrained);
    CHECK(f.session.end_headers() == Step::kAccept);
    CHECK_EQ(f.session.pass_reason(), "shutting down");
    CHECK(f.session.begin_message("<a@example.org>", false) == Step::kAccept);
    CHECK_EQ(counters_.get(Counter::kMessagesDrained), before + 2);
}

// A connection that only negotiates is a probe, not a session.
void test_open_sessions() {
    Fixture f;
    CHECK_EQ(f.engine.sessions.load(), 1u);
    {
        Session probe(f.engine);
        CHECK_EQ(f.engine.sessions.load(), 1u);
        Session other(f.engine);
        other.set_client("192.0.2.2");
        other.set_client("192.0.2.2");
        CHECK_EQ(f.engine.sessions.load(), 2u);
    }
    CHECK_EQ(f.engine.sessions.load(), 1u);
}

void test_settings_snapshot_per_message() {
    Fixture f;
    f.session.begin_message("<a@example.org>", false);
    Settings changed;
    changed.trace_header = false;
    f.engine.swap_rules(rules_of(std::make_shared<const Settings>(changed)));
    CHECK(f.session.settings().trace_header);
    f.session.begin_message("<a@example.org>", false);
    CHECK(!f.session.settings().trace_header);
}

std::shared_ptr<const RuleSet> rules_from(const std::string& toml) {
    LoadedRules loaded = parse_rules({{"p.toml", toml}}, std::make_shared<const Settings>());
    CHECK(loaded.ok(), loaded.ok() ? "" : loaded.problems[0].text);
    return loaded.rules;
}

constexpr char kRules[] = R"([[rule]]
name = "archive"
when = { recipient = "archive@", listener = "smtp", auth_user = "anna" }
then = { leave_alone = "evidence" }
[[rule]]
name = "quick"
when = { sender = "quick@", client = "192.0.2.0/24", header = { name = "MIME-Version" } }
then = { deadline = "1s", trace_header = false }
)";

void test_rules_see_envelope_and_header() {
    Fixture f;
    f.engine.swap_rules(rules_from(kRules));
    f.session.set_listener("SMTP");
    f.session.begin_message("<a@example.org>", true, "Anna");
    f.session.add_recipient("<ben@example.org>");
    f.session.add_recipient("<archive@example.org>");
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kAccept);
    CHECK_EQ(f.session.pass_reason(), "evidence");
    CHECK_EQ(f.session.rule(), "archive");

    // Nothing is left of those recipients.
    f.session.begin_message("<quick@example.org>", true, "Anna");
    CHECK_EQ(f.session.rule(), "");
    CHECK(f.session.settings().trace_header);
    f.session.add_recipient("<ben@example.org>");
    f.add_mixed_header();
    CHECK(f.session.end_headers() == Step::kContinue);
    CHECK_EQ(f.session.rule(), "quick");
    CHECK_EQ(f.session.settings().deadline, 1000);
    CHECK(!f.session.settings().trace_header);
    f.session.add_body(as_bytes(kBody));
    CHECK_EQ(f.session.finish("Q").rule, "quick");
}

void test_rules_without_an_end_of_headers() {
    Fixture f;
    f.engine.swap_rules(rules_from("[[rule]]\nname = \"stop\"\nthen = { leave_alone = \"evidence\" }\n"));
    f.session.begin_message("<a@example.org>", false);
    f.add_mixed_header();
    f.session.add_body(as_bytes(kBody));
    CHECK_EQ(f.session.finish("Q").reason, "evidence");
}

void test_a_message_keeps_its_rules() {
    Fixture f;
    f.engine.swap_rules(rules_from(kRules));
    f.session.begin_message("<quick@example.org>", false);
    f.engine.swap_rules(rules_from(""));
    f.add_mixed_header();
    f.session.end_headers();
    CHECK_EQ(f.session.rule(), "quick");
    f.session.begin_message("<quick@example.org>", false);
    f.add_mixed_header();
    f.session.end_headers();
    CHECK_EQ(f.session.rule(), "");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_message_to_its_end),
                                TEST(test_accept_before_the_body),
                                TEST(test_body_budget_skips),
                                TEST(test_without_skip_the_rest_is_ignored),
                                TEST(test_header_flood_passes),
                                TEST(test_draining_accepts),
                                TEST(test_mta_without_body_replacement),
                                TEST(test_nothing_is_left_of_the_last_message),
                                TEST(test_reply_holds_the_drain),
                                TEST(test_drain_by_the_operator),
                                TEST(test_bypass_accepts_unread),
                                TEST(test_bypass_works_on_one_in_so_many),
                                TEST(test_message_under_way_stays),
                                TEST(test_only_work_is_timed),
                                TEST(test_stress_is_passed_on),
                                TEST(test_the_end_drains_what_is_under_way),
                                TEST(test_open_sessions),
                                TEST(test_settings_snapshot_per_message),
                                TEST(test_rules_see_envelope_and_header),
                                TEST(test_rules_without_an_end_of_headers),
                                TEST(test_a_message_keeps_its_rules)};
    return cmocka_run_group_tests(tests, start_pool, stop_pool);
}
