// SPDX-License-Identifier: Apache-2.0
#include "console/notice_text.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

Notice notice_of(NoticePhase phase, const std::string& kind) {
    Notice notice;
    notice.phase = phase;
    notice.key = notice.kind = kind;
    notice.text = "pressure 1.83 by queue_length";
    notice.since = kNow - 600;
    return notice;
}

NoticeLetter letter_of(std::vector<Notice> notices) {
    NoticeLetter letter;
    letter.host = "mx.example.org";
    letter.now = kNow;
    letter.notices = std::move(notices);
    letter.checks = {{"disk", CheckState::kOk, "room"}};
    return letter;
}

void test_headlines() {
    struct Case {
        std::string_view name;
        std::vector<Notice> notices;
        std::string_view want;
    };
    const Case cases[] = {
        {"new", {notice_of(NoticePhase::kNew, "bypass")}, "mail passes unchanged (bypass)"},
        {"reminder", {notice_of(NoticePhase::kReminder, "bypass")}, "still: mail passes unchanged (bypass)"},
        {"brief",
         {notice_of(NoticePhase::kBrief, "restarts")},
         "a process was lost and started again (it is over)"},
        {"over", {notice_of(NoticePhase::kOver, "disk")}, "there is room on the disks again"},
        {"the heaviest that lasts",
         {notice_of(NoticePhase::kOver, "guard"), notice_of(NoticePhase::kNew, "disk"),
          notice_of(NoticePhase::kNew, "bypass")},
         "mail passes unchanged (bypass) (and 2 more)"},
        {"a kind without words", {notice_of(NoticePhase::kNew, "x")}, "something needs a look"},
        {"none", {}, ""},
    };
    for (const Case& c : cases) CHECK_EQ(notice_headline(c.notices), c.want, c.name);
}

void test_text_of_what_lasts() {
    NoticeLetter letter = letter_of({notice_of(NoticePhase::kNew, "bypass")});
    letter.next_reminder = 3600;
    letter.deeds = {"did this: done"};
    const std::string text = notice_text(letter);
    CHECK(text.starts_with("Mail keeps flowing and none is lost"));
    for (const char* part :
         {"\nbypass: Mail passes unchanged (bypass).\n",
          "\n  Since     Tue, 14 Nov 2023 22:03:20 +0000 (10 min)\n",
          "\n  Cause     pressure 1.83 by queue_length\n", "\n  For mail  New messages are accepted at once",
          "\n  To do     Nothing has to be done.",
          "\n  Silence   optimilterctl alerts snooze bypass --for 8h\n",
          "\nWhat was done:\n- did this: done\n", "\nok    disk       room\n",
          "the next reminder comes in 60 min."})
        CHECK(text.find(part) != std::string::npos, part);
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 76, line);
}

void test_text_of_what_is_over() {
    Notice over = notice_of(NoticePhase::kOver, "bypass");
    over.cleared = kNow - 300;
    over.over = "level 4";
    std::string text = notice_text(letter_of({over}));
    CHECK(text.find("\n  From      Tue, 14 Nov 2023 22:03:20 +0000 for 5 min\n") != std::string::npos);
    CHECK(text.find("\n  Now       level 4\n") != std::string::npos);
    CHECK(text.find("snooze") == std::string::npos && text.find("reminder") == std::string::npos);
    Notice brief = notice_of(NoticePhase::kBrief, "restarts");
    brief.cleared = brief.since;
    brief.times = 3;
    text = notice_text(letter_of({brief}));
    CHECK(text.find("\n  At        Tue, 14 Nov 2023 22:03:20 +0000, 3 times\n") != std::string::npos);
    CHECK(text.find("\n  For mail  Messages that were open") != std::string::npos);
}

void test_json() {
    NoticeLetter letter = letter_of({notice_of(NoticePhase::kNew, "bypass")});
    letter.notices[0].text = "a\r\n\xff\"";
    letter.deeds = {"x"};
    const std::string text = notice_json(letter);
    CHECK(text.find('\n') == std::string::npos);
    const auto json = nlohmann::json::parse(text);
    CHECK_EQ(json["host"], "mx.example.org");
    CHECK_EQ(json["time"], kNow);
    CHECK_EQ(json["headline"], "mail passes unchanged (bypass)");
    CHECK_EQ(json["alerts"][0]["kind"], "bypass");
    CHECK_EQ(json["alerts"][0]["phase"], "new");
    CHECK_EQ(json["alerts"][0]["text"], "a???\"");
    CHECK_EQ(json["checks"][0]["state"], "ok");
    CHECK_EQ(json["deeds"][0], "x");
}

void test_spans() {
    CHECK_EQ(time_span(0), "0 s");
    CHECK_EQ(time_span(59), "59 s");
    CHECK_EQ(time_span(3600), "60 min");
    CHECK_EQ(time_span(4 * 3600), "4 h");
    CHECK_EQ(time_span(3 * 86400), "3 d");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_headlines), TEST(test_text_of_what_lasts), TEST(test_text_of_what_is_over), TEST(test_json),
        TEST(test_spans),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
