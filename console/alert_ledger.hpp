// SPDX-License-Identifier: Apache-2.0
//
// What the admin has been told, what is still to be told, and when: the memory of optimilter-recover about
// everything that went wrong. A look at the machine goes in, notices that are due come out, and only what was
// really sent is noted as told, for each channel by itself: what could not be sent is due again. Decides by
// times that are passed in (seconds since 1970); reads and sends nothing. Not thread safe.
//
// The rules: new is told at once; while it lasts, reminders come 1 h, 4 h and then 24 h after the one before
// (dates: every 3 days). What is over is told when it has stayed so for 5 min, and longer each time that it
// came back. What came and went between two looks is told once, then by the same ladder. At most kMostAnHour
// mails: what is held back comes together in the next one. A snoozed kind waits.
//
// Security: texts and keys may quote strangers; whoever shows them cleans them. Bounded: kMostAlerts.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

// One thing that a look has found.
struct AlertFact {
    std::string key;            // the same as long as it is the same thing: "disk", "certs:/etc/x.pem"
    std::string kind;           // what may be snoozed: "disk", "certs"
    std::string text;           // cause with figures, one line
    std::int64_t patience = 0;  // seconds that it must last before it is told at all
    bool from_board = false;    // of the engine's alert board: the fields below are its
    std::int64_t since = 0;
    std::int64_t cleared = 0;  // 0: it lasts
    std::int64_t board = 0;    // pid of the engine whose board it is
    std::uint64_t count = 0;   // raised so often since the start of that engine
    std::string over;
};

struct AlertLook {
    std::vector<AlertFact> facts;
    bool board_known = true;   // false: the engine did not answer; what its board said last still stands
    bool checks_known = true;  // the same of all else
};

enum class Channel : std::uint8_t { kMail, kWebhook, kCount_ };
using Channels = std::vector<Channel>;

enum class NoticePhase : std::uint8_t {
    kNew,       // it is so
    kReminder,  // it is still so
    kBrief,     // it was so, and is over
    kOver,      // of what was told before: it is over
};
std::string_view notice_phase_word(NoticePhase phase);

// One thing to tell.
struct Notice {
    NoticePhase phase = NoticePhase::kNew;
    std::string key, kind, text, over;
    std::int64_t since = 0, cleared = 0;
    std::uint64_t times = 1;  // it came so often since it was told last; at least 1
};

// What was told of one alert on one channel.
struct ToldAlert {
    std::int64_t at = 0;
    std::uint32_t sends = 0;    // since it began anew
    std::uint32_t returns = 0;  // it came back so often after it was told to be over
    std::uint64_t times = 0;    // KnownAlert::times at that moment
    bool lasting = false;       // the admin believes that it lasts
};

struct KnownAlert {
    std::string kind, text, over;
    std::int64_t since = 0, last_seen = 0, cleared = 0, patience = 0;
    std::uint64_t times = 0;  // it came so often
    bool from_board = false;
    std::int64_t board = 0, board_since = 0;
    std::uint64_t board_count = 0;
    std::array<ToldAlert, static_cast<std::size_t>(Channel::kCount_)> told;

    bool lasts() const { return cleared == 0; }
};

class AlertLedger {
  public:
    static constexpr std::size_t kMostAlerts = 100;
    static constexpr std::size_t kMostAnHour = 6;

    void see(const AlertLook& look, std::int64_t now);

    // Empty when nothing is due, or when this channel has had enough for an hour.
    std::vector<Notice> due(Channel channel, std::int64_t now) const;
    // These were sent.
    void note_told(Channel channel, const std::vector<Notice>& notices, std::int64_t now);
    // Seconds until the next reminder of what lasts; 0: there is none.
    std::int64_t next_reminder_in(Channel channel, std::int64_t now) const;
    // Forgets what has been over for a day and is owed to none of these channels.
    void forget(const Channels& in_use, std::int64_t now);

    void snooze(const std::string& kind, std::int64_t until);
    // false: it was not snoozed.
    bool unsnooze(const std::string& kind);
    // Until when; 0: it is not.
    std::int64_t snoozed_until(const std::string& kind, std::int64_t now) const;

    const std::map<std::string, KnownAlert>& alerts() const { return alerts_; }
    const std::map<std::string, std::int64_t>& snoozes() const { return snoozes_; }

    // What is broken is left out.
    static AlertLedger parse(const nlohmann::json& json);
    nlohmann::json print() const;

  private:
    KnownAlert* place_for(const std::string& key);
    void see_fact(const AlertFact& fact, std::int64_t now);
    void see_board_fact(const AlertFact& fact, std::int64_t now);
    std::optional<NoticePhase> phase_due(const KnownAlert& alert, const ToldAlert& told,
                                         std::int64_t now) const;
    bool enough_for_now(Channel channel, std::int64_t now) const;

    std::map<std::string, KnownAlert> alerts_;
    std::map<std::string, std::int64_t> snoozes_;  // kind -> until
    std::array<std::vector<std::int64_t>, static_cast<std::size_t>(Channel::kCount_)> sent_;
};

}  // namespace optimilter
