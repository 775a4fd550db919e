// SPDX-License-Identifier: Apache-2.0
#include "console/alert_ledger.hpp"

#include <nlohmann/json.hpp>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000, kMinute = 60, kHour = 3600, kDay = 86400;

AlertFact check_fact(const std::string& key, std::int64_t patience = 0) {
    return {.key = key, .kind = key, .text = key + " is wrong", .patience = patience, .over = {}};
}

// As the engine's board tells it.
AlertFact board_fact(std::int64_t since, std::int64_t cleared, std::uint64_t count,
                     const std::string& kind = "bypass") {
    return {.key = kind,
            .kind = kind,
            .text = "pressure 1.4",
            .from_board = true,
            .since = since,
            .cleared = cleared,
            .count = count,
            .over = cleared == 0 ? "" : "level 4"};
}

// A ledger, and an admin whose mail always arrives.
struct Fixture {
    std::string look(std::int64_t now, std::vector<AlertFact> facts = {}, bool board_known = true) {
        ledger.see({std::move(facts), board_known, true}, now);
        const std::string told = send(Channel::kMail, now);
        ledger.forget({Channel::kMail}, now);
        return told;
    }
    std::string send(Channel channel, std::int64_t now) {
        const std::vector<Notice> notices = ledger.due(channel, now);
        if (!notices.empty()) ledger.note_told(channel, notices, now);
        return words(notices);
    }
    static std::string words(const std::vector<Notice>& notices) {
        std::string text;
        for (const Notice& notice : notices) {
            text +=
                (text.empty() ? "" : " ") + std::string(notice_phase_word(notice.phase)) + ":" + notice.key;
            if (notice.times > 1) text += "x" + std::to_string(notice.times);
        }
        return text;
    }
    AlertLedger ledger;
};

// The same thing, seen every five minutes for so long: the hours at which it was told.
std::vector<std::int64_t> hours_told(const std::string& kind, std::int64_t seconds) {
    Fixture f;
    std::vector<std::int64_t> hours;
    for (std::int64_t now = kNow; now < kNow + seconds; now += 5 * kMinute)
        if (!f.look(now, {check_fact(kind)}).empty()) hours.push_back((now - kNow) / kHour);
    return hours;
}

void test_once_and_then_rarer_and_rarer() {
    CHECK((hours_told("engine", 72 * kHour) == std::vector<std::int64_t>{0, 1, 5, 29, 53}));
    CHECK((hours_told("certs", 200 * kHour) == std::vector<std::int64_t>{0, 72, 144}));
    CHECK((hours_told("valid_until", 100 * kHour) == std::vector<std::int64_t>{0, 72}));
}

void test_a_new_cause_is_told_at_once_and_alone() {
    Fixture f;
    CHECK_EQ(f.look(kNow), "");
    CHECK_EQ(f.look(kNow + 1, {check_fact("engine")}), "new:engine");
    CHECK_EQ(f.ledger.next_reminder_in(Channel::kMail, kNow + 1), kHour);
    CHECK_EQ(f.look(kNow + 2, {check_fact("engine"), check_fact("disk")}), "new:disk");
    CHECK_EQ(f.look(kNow + 3, {check_fact("engine"), check_fact("disk")}), "");
}

void test_it_is_over() {
    Fixture f;
    f.look(kNow, {check_fact("disk")});
    CHECK_EQ(f.look(kNow + kHour / 2), "");  // may come back any moment
    CHECK_EQ(f.look(kNow + kHour / 2 + 4 * kMinute), "");
    CHECK_EQ(f.look(kNow + kHour / 2 + 5 * kMinute), "over:disk");
    CHECK_EQ(f.ledger.next_reminder_in(Channel::kMail, kNow + kHour), 0);
    CHECK_EQ(f.look(kNow + 3 * kHour), "");
    CHECK_EQ(f.ledger.alerts().size(), 1u);
    CHECK_EQ(f.look(kNow + 2 * kDay), "");
    CHECK(f.ledger.alerts().empty());
}

// Up for five minutes, down for ten, for a day: the admin does not get a mail each time.
void test_flapping_gets_rarer() {
    Fixture f;
    int mails = 0, ups = 0;
    for (std::int64_t now = kNow; now < kNow + kDay; now += 5 * kMinute) {
        const bool up = (now - kNow) / (5 * kMinute) % 3 == 0;
        ups += up;
        if (!f.look(now, up ? std::vector<AlertFact>{check_fact("disk")} : std::vector<AlertFact>{}).empty())
            ++mails;
    }
    CHECK_EQ(ups, 96);
    CHECK(mails >= 4 && mails <= 6, std::to_string(mails));
}

// It came and went between two looks.
void test_short_ones_are_told_once() {
    Fixture f;
    CHECK_EQ(f.look(kNow, {board_fact(kNow - 100, kNow - 90, 1)}), "brief:bypass");
    CHECK_EQ(f.look(kNow + 60, {board_fact(kNow - 100, kNow - 90, 1)}), "");
    CHECK_EQ(f.look(kNow + 2 * kHour, {board_fact(kNow - 100, kNow - 90, 1)}), "");
    CHECK_EQ(f.ledger.next_reminder_in(Channel::kMail, kNow + 60), 0);
}

void test_many_short_ones_are_one() {
    Fixture f;
    CHECK_EQ(f.look(kNow, {board_fact(kNow - 20, kNow - 10, 3)}), "brief:bypassx3");
    std::string told;
    for (int i = 1; i <= 12; ++i) {  // twice within each five minutes, for an hour
        const std::int64_t now = kNow + i * 5 * kMinute;
        told += f.look(now, {board_fact(now - 20, now - 10, static_cast<std::uint64_t>(3 + 2 * i))});
    }
    CHECK_EQ(told, "brief:bypassx24");
}

void test_bypass_enters_and_leaves() {
    Fixture f;
    CHECK_EQ(f.look(kNow, {board_fact(kNow - 1, 0, 1)}), "new:bypass");
    CHECK_EQ(f.look(kNow + 60, {board_fact(kNow - 1, kNow + 50, 1)}), "");
    CHECK_EQ(f.look(kNow + 90, {board_fact(kNow + 80, 0, 2)}), "");  // back: nothing new to the admin
    CHECK_EQ(f.look(kNow + 200, {board_fact(kNow + 80, kNow + 190, 2)}), "");
    const std::vector<AlertFact> gone{board_fact(kNow + 80, kNow + 190, 2)};
    f.ledger.see({gone, true, true}, kNow + 600);
    const std::vector<Notice> notices = f.ledger.due(Channel::kMail, kNow + 600);
    CHECK_EQ(f.words(notices), "over:bypass");
    CHECK(notices[0].over == "level 4" && notices[0].cleared == kNow + 190);
    // It was over and is back: that is news, and leaving takes longer to be believed.
    f.ledger.note_told(Channel::kMail, notices, kNow + 600);
    CHECK_EQ(f.look(kNow + 700, {board_fact(kNow + 690, 0, 3)}), "new:bypass");
    CHECK_EQ(f.look(kNow + 800, {board_fact(kNow + 690, kNow + 750, 3)}), "");
    CHECK_EQ(f.look(kNow + 700 + 3000, {board_fact(kNow + 690, kNow + 750, 3)}), "");
    CHECK_EQ(f.look(kNow + 750 + kHour, {board_fact(kNow + 690, kNow + 750, 3)}), "over:bypass");
}

// While the engine does not answer, what its board said stands; a new engine's empty board ends it.
void test_engine_that_is_away() {
    Fixture f;
    f.look(kNow, {board_fact(kNow, 0, 1)});
    CHECK_EQ(f.look(kNow + 600, {}, false), "");
    CHECK(f.ledger.alerts().at("bypass").lasts());
    CHECK_EQ(f.look(kNow + 700, {}), "");
    CHECK_EQ(f.look(kNow + 1000, {}), "over:bypass");
    // A new engine counts from one again.
    CHECK_EQ(f.look(kNow + 8000, {board_fact(kNow + 7990, kNow + 7995, 1)}), "brief:bypass");
    // Two engines lost within one second are two.
    AlertFact lost = board_fact(kNow + 9000, kNow + 9000, 1, "restarts");
    f.ledger.see({{lost}, true, true}, kNow + 9000);
    lost.board = 4711;
    f.ledger.see({{lost}, true, true}, kNow + 9000);
    CHECK_EQ(f.ledger.alerts().at("restarts").times, 2u);
    // What a board remembers of last week is no news to a ledger that has forgotten it.
    Fixture later;
    CHECK_EQ(later.look(kNow, {board_fact(kNow - 8 * kDay, kNow - 7 * kDay, 4)}), "");
}

void test_patience() {
    Fixture f;
    CHECK_EQ(f.look(kNow, {check_fact("engine", 600)}), "");
    CHECK_EQ(f.look(kNow + 20), "");
    CHECK_EQ(f.look(kNow + kHour), "");  // a restart: never told
    CHECK_EQ(f.look(kNow + 2 * kHour, {check_fact("engine", 600)}), "");
    CHECK_EQ(f.look(kNow + 2 * kHour + 300, {check_fact("engine", 600)}), "");
    CHECK_EQ(f.look(kNow + 2 * kHour + 600, {check_fact("engine", 600)}), "new:engine");
    Fixture failed;
    failed.look(kNow, {check_fact("engine", 600)});
    CHECK_EQ(failed.look(kNow + 30, {check_fact("engine", 0)}), "new:engine");  // its unit has failed
}

// Twenty things at once are one mail; a new one each minute is six mails an hour, and none is lost.
void test_storms() {
    Fixture f;
    std::vector<AlertFact> facts;
    for (int i = 0; i < 20; ++i) facts.push_back(check_fact("c" + std::to_string(i)));
    f.ledger.see({facts, true, true}, kNow);
    CHECK_EQ(f.ledger.due(Channel::kMail, kNow).size(), 20u);
    Fixture storm;
    std::size_t mails = 0, told = 0;
    facts.clear();
    for (int i = 0; i < 30; ++i) {
        const std::int64_t now = kNow + i * kMinute;
        facts.push_back(check_fact("c" + std::to_string(i)));
        storm.ledger.see({facts, true, true}, now);
        const auto notices = storm.ledger.due(Channel::kMail, now);
        if (notices.empty()) continue;
        storm.ledger.note_told(Channel::kMail, notices, now);
        ++mails;
        told += notices.size();
    }
    CHECK_EQ(mails, AlertLedger::kMostAnHour);
    CHECK_EQ(told, 6u);
    storm.ledger.see({facts, true, true}, kNow + kHour);
    std::size_t fresh = 0;
    for (const Notice& notice : storm.ledger.due(Channel::kMail, kNow + kHour))
        fresh += notice.phase == NoticePhase::kNew;
    CHECK_EQ(fresh, 24u);  // the first of the six is an hour old, and all that waited comes at once
}

// What was not sent is due again, whatever became of it meanwhile; each channel by itself.
void test_what_could_not_be_sent() {
    Fixture f;
    f.ledger.see({{board_fact(kNow, 0, 1), check_fact("disk")}, true, true}, kNow);
    CHECK_EQ(f.send(Channel::kWebhook, kNow), "new:bypass new:disk");
    f.ledger.see({{board_fact(kNow, kNow + 10, 1)}, true, true}, kNow + 300);
    f.ledger.forget({Channel::kMail, Channel::kWebhook}, kNow + 300);
    CHECK_EQ(f.words(f.ledger.due(Channel::kMail, kNow + 300)), "brief:bypass brief:disk");
    const std::int64_t week = kNow + 7 * kDay;
    f.ledger.see({{board_fact(kNow, kNow + 10, 1)}, true, true}, week);
    f.ledger.forget({Channel::kMail, Channel::kWebhook}, week);
    CHECK_EQ(f.send(Channel::kMail, week), "brief:bypass brief:disk");
    CHECK_EQ(f.send(Channel::kMail, week + 1), "");
    CHECK_EQ(f.send(Channel::kWebhook, week + 1), "over:bypass over:disk");
    f.ledger.forget({Channel::kMail, Channel::kWebhook}, week + 1);
    CHECK(f.ledger.alerts().empty());
}

void test_snooze() {
    Fixture f;
    f.look(kNow, {check_fact("disk")});
    f.ledger.snooze("disk", kNow + 8 * kHour);
    CHECK_EQ(f.ledger.snoozed_until("disk", kNow), kNow + 8 * kHour);
    CHECK_EQ(f.ledger.next_reminder_in(Channel::kMail, kNow), 8 * kHour);
    CHECK_EQ(f.look(kNow + 2 * kHour, {check_fact("disk"), check_fact("engine")}), "new:engine");
    CHECK_EQ(f.look(kNow + 8 * kHour, {check_fact("disk"), check_fact("engine")}),
             "reminder:disk reminder:engine");
    // What came and went meanwhile is not told afterwards; that it is over, is.
    Fixture g;
    g.look(kNow, {board_fact(kNow, 0, 1)});
    g.ledger.snooze("bypass", kNow + kHour);
    g.ledger.snooze("restarts", kNow + kHour);
    CHECK_EQ(
        g.look(kNow + 600, {board_fact(kNow, kNow + 10, 1), board_fact(kNow + 9, kNow + 9, 1, "restarts")}),
        "");
    CHECK_EQ(
        g.look(kNow + kHour, {board_fact(kNow, kNow + 10, 1), board_fact(kNow + 9, kNow + 9, 1, "restarts")}),
        "over:bypass");
    CHECK(g.ledger.snoozes().empty());  // it has passed
    g.ledger.snooze("bypass", kNow + kDay);
    CHECK(g.ledger.unsnooze("bypass") && !g.ledger.unsnooze("bypass"));
}

void test_clock_set_back() {
    Fixture f;
    f.look(kNow, {check_fact("engine")});
    const std::int64_t earlier = kNow - 400 * kDay;
    CHECK_EQ(f.look(earlier, {check_fact("engine")}), "reminder:engine");
    CHECK_EQ(f.look(earlier + 1, {check_fact("engine")}), "");
}

void test_bounds() {
    AlertLedger ledger;
    std::vector<AlertFact> facts;
    for (int i = 0; i < 1000; ++i) facts.push_back(check_fact("c" + std::to_string(i)));
    facts[0].text = std::string(1 << 20, 'x');
    ledger.see({facts, true, true}, kNow);
    CHECK_EQ(ledger.alerts().size(), AlertLedger::kMostAlerts);
    CHECK(ledger.alerts().begin()->second.text.size() <= 500);
    // Those that are over make room.
    ledger.see({{}, true, true}, kNow + 1);
    ledger.see({{check_fact("new")}, true, true}, kNow + 2);
    CHECK(ledger.alerts().contains("new") && ledger.alerts().size() == AlertLedger::kMostAlerts);
    for (int i = 0; i < 1000; ++i) ledger.snooze("k" + std::to_string(i), kNow + 10);
    CHECK(ledger.snoozes().size() <= 50);
}

void test_round_trip() {
    Fixture f;
    f.look(kNow, {check_fact("a\"\xff"), board_fact(kNow, 0, 2), check_fact("later", 600)});
    f.ledger.snooze("disk", kNow + kHour);
    const std::string text = f.ledger.print().dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
    AlertLedger again = AlertLedger::parse(nlohmann::json::parse(text));
    CHECK_EQ(again.print().dump(1, ' ', false, nlohmann::json::error_handler_t::replace), text);
    again.see({{board_fact(kNow, 0, 2)}, true, true}, kNow + 1);
    CHECK_EQ(Fixture::words(again.due(Channel::kMail, kNow + 1)), "");
    CHECK_EQ(Fixture::words(again.due(Channel::kMail, kNow + kHour)), "over:a\"\xEF\xBF\xBD reminder:bypass");
}

void test_broken_is_empty() {
    constexpr std::string_view kBroken[] = {
        "",
        "{",
        "[]",
        "null",
        R"({"alerts":[1]})",
        R"({"alerts":{"engine":1}})",
        R"({"alerts":{"engine":{"kind":5}},"snoozed":[],"sent":7})",
        R"({"alerts":{"engine":{"kind":""}},"snoozed":{"a":"b"},"sent":{"mail":{"a":1},"webhook":["x",null]}})",
        R"({"alerts":{"x":{"kind":"k","cleared":1,"times":1e300,"mail":[],"webhook":{"at":-5,"sends":99999999999999999999}}}})",
        R"({"alerts":{"x":{"kind":"k","cleared":18446744073709551615,"since":-9223372036854775808}}})",
    };
    for (const std::string_view text : kBroken) {
        AlertLedger ledger = AlertLedger::parse(nlohmann::json::parse(text, nullptr, false));
        ledger.see({{check_fact("engine")}, true, true}, kNow);
        bool found = false;
        for (const Notice& notice : ledger.due(Channel::kMail, kNow)) found = found || notice.key == "engine";
        CHECK(found, text);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_once_and_then_rarer_and_rarer),
        TEST(test_a_new_cause_is_told_at_once_and_alone),
        TEST(test_it_is_over),
        TEST(test_flapping_gets_rarer),
        TEST(test_short_ones_are_told_once),
        TEST(test_many_short_ones_are_one),
        TEST(test_bypass_enters_and_leaves),
        TEST(test_engine_that_is_away),
        TEST(test_patience),
        TEST(test_storms),
        TEST(test_what_could_not_be_sent),
        TEST(test_snooze),
        TEST(test_clock_set_back),
        TEST(test_bounds),
        TEST(test_round_trip),
        TEST(test_broken_is_empty),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
