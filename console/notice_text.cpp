// SPDX-License-Identifier: Apache-2.0
#include "console/notice_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "base/version.hpp"
#include "console/alert_words.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLineShown = 500;
constexpr std::size_t kColumns = 76;

bool lasts(const Notice& notice) {
    return notice.phase == NoticePhase::kNew || notice.phase == NoticePhase::kReminder;
}

// What lasts first, then by weight.
std::vector<Notice> in_order(std::vector<Notice> notices) {
    std::stable_sort(notices.begin(), notices.end(), [](const Notice& a, const Notice& b) {
        if (lasts(a) != lasts(b)) return lasts(a);
        return alert_weight(a.kind) < alert_weight(b.kind);
    });
    return notices;
}

// head and text in one paragraph, broken at blanks; further lines are as far in as head is long.
std::string paragraph(const std::string& head, std::string_view text) {
    std::string lines, line = head;
    bool empty = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!empty && line.size() + 1 + word.size() > kColumns) {
            lines += line + "\n";
            line.assign(head.size(), ' ');
            empty = true;
        }
        line += (empty ? "" : " ") + std::string(word);
        empty = false;
    }
    return lines + line + "\n";
}

// "  Cause     text".
std::string labelled(std::string_view label, std::string_view text) {
    return paragraph(fmt::format("  {:<10}", label), text);
}

std::string sentence(std::string_view words) {
    std::string text(words);
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text + ".";
}

std::string headline_of(const Notice& notice) {
    const AlertWords& words = alert_words(notice.kind);
    switch (notice.phase) {
        case NoticePhase::kNew:
            return std::string(words.title);
        case NoticePhase::kReminder:
            return "still: " + std::string(words.title);
        case NoticePhase::kBrief:
            return std::string(words.title) + " (it is over)";
        case NoticePhase::kOver:
            return std::string(words.over);
    }
    return {};
}

std::string times_text(const Notice& notice) {
    return notice.times > 1 ? fmt::format(", {} times", notice.times) : std::string();
}

std::string lasting_text(const Notice& notice, std::int64_t now) {
    const AlertWords& words = alert_words(notice.kind);
    const std::int64_t age = now - notice.since;
    std::string text =
        labelled("Since", fmt::format("{} ({}{})", mail_date(notice.since),
                                      age < 60 ? "just now" : time_span(age), times_text(notice)));
    text += labelled("Cause", printable(notice.text, kLineShown));
    text += labelled("For mail", words.meaning);
    text += labelled("To do", words.advice);
    return text + labelled("Silence", fmt::format("optimilterctl alerts snooze {} --for 8h",
                                                  printable(notice.kind, 40)));
}

std::string past_text(const Notice& notice) {
    const AlertWords& words = alert_words(notice.kind);
    std::string text;
    if (notice.cleared - notice.since < 2)
        text += labelled("At", mail_date(notice.since) + times_text(notice));
    else
        text += labelled("From", fmt::format("{} for {}{}", mail_date(notice.since),
                                             time_span(notice.cleared - notice.since), times_text(notice)));
    text += labelled("Cause was", printable(notice.text, kLineShown));
    if (!notice.over.empty()) text += labelled("Now", printable(notice.over, kLineShown));
    if (notice.phase != NoticePhase::kBrief) return text;
    return text + labelled("For mail", words.meaning) + labelled("To do", words.advice);
}

nlohmann::ordered_json checks_json(const CheckList& checks) {
    auto list = nlohmann::ordered_json::array();
    for (const Check& check : checks)
        list.push_back({{"name", check.name},
                        {"state", check_state_word(check.state)},
                        {"reason", printable(check.reason, kLineShown)}});
    return list;
}

nlohmann::ordered_json notices_json(const std::vector<Notice>& notices) {
    auto list = nlohmann::ordered_json::array();
    for (const Notice& notice : in_order(notices))
        list.push_back({{"kind", printable(notice.kind)},
                        {"key", printable(notice.key)},
                        {"phase", notice_phase_word(notice.phase)},
                        {"since", notice.since},
                        {"cleared", notice.cleared},
                        {"times", notice.times},
                        {"headline", headline_of(notice)},
                        {"text", printable(notice.text, kLineShown)},
                        {"over", printable(notice.over, kLineShown)},
                        {"meaning", alert_words(notice.kind).meaning},
                        {"advice", alert_words(notice.kind).advice}});
    return list;
}

}  // namespace

std::string mail_date(std::int64_t now) {
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t time = now;
    std::tm utc{};
    if (::gmtime_r(&time, &utc) == nullptr) return "Thu, 01 Jan 1970 00:00:00 +0000";
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                       kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                       kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                       utc.tm_min, utc.tm_sec);
}

std::string time_span(std::int64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", seconds);
    if (seconds < 5400) return fmt::format("{} min", (seconds + 59) / 60);
    if (seconds < 2 * 86400) return fmt::format("{} h", (seconds + 1800) / 3600);
    return fmt::format("{} d", (seconds + 43200) / 86400);
}

std::string notice_headline(const std::vector<Notice>& notices) {
    const std::vector<Notice> ordered = in_order(notices);
    if (ordered.empty()) return {};
    const std::string first = headline_of(ordered.front());
    return ordered.size() == 1 ? first : fmt::format("{} (and {} more)", first, ordered.size() - 1);
}

std::string notice_text(const NoticeLetter& letter) {
    std::string text = fmt::format(
        "Mail keeps flowing and none is lost: what optimilter cannot look at passes\n"
        "unchanged. This is what optimilter-recover found on {} at\n{}.\n",
        printable(letter.host, 120), mail_date(letter.now));
    for (const Notice& notice : in_order(letter.notices)) {
        text += fmt::format("\n{}: {}\n", printable(notice.key, 200), sentence(headline_of(notice)));
        text += lasts(notice) ? lasting_text(notice, letter.now) : past_text(notice);
    }
    if (!letter.deeds.empty()) text += "\nWhat was done:\n";
    for (const std::string& deed : letter.deeds) text += paragraph("- ", printable(deed, kLineShown));
    text += "\nAll checks of this run:\n";
    for (const Check& check : letter.checks)
        text += paragraph(fmt::format("{:<5} {:<10} ", check_state_word(check.state), printable(check.name)),
                          printable(check.reason, kLineShown));
    if (letter.next_reminder > 0)
        text += fmt::format("\nWhile it lasts, the next reminder comes in {}.\n",
                            time_span(letter.next_reminder));
    return text + "\n`optimilterctl alerts` lists what is known, `optimilterctl selfcheck` looks\nagain.\n";
}

std::string notice_json(const NoticeLetter& letter) {
    nlohmann::ordered_json json;
    json["source"] = "optimilter-recover";
    json["version"] = kVersion;
    json["host"] = printable(letter.host, 120);
    json["time"] = letter.now;
    json["headline"] = notice_headline(letter.notices);
    json["alerts"] = notices_json(letter.notices);
    json["deeds"] = nlohmann::ordered_json::array();
    for (const std::string& deed : letter.deeds) json["deeds"].push_back(printable(deed, kLineShown));
    json["checks"] = checks_json(letter.checks);
    json["next_reminder_s"] = letter.next_reminder;
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace optimilter
