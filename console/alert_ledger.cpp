// SPDX-License-Identifier: Apache-2.0
#include "console/alert_ledger.hpp"

#include <algorithm>
#include <iterator>

#include "console/json_fields.hpp"

namespace optimilter {

namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400;
constexpr std::int64_t kForgetAfter = kDay;
constexpr std::size_t kMostSnoozes = 50;
constexpr std::size_t kLongestKept = 500;
constexpr std::string_view kPhases[] = {"new", "reminder", "brief", "over"};
constexpr const char* kChannelNames[] = {"mail", "webhook"};

// A clock set back must not silence us: a time in the future counts as long ago.
std::int64_t since(std::int64_t then, std::int64_t now) {
    return then > now ? 365 * kDay : now - then;
}

std::int64_t reminder_after(const std::string& kind, std::uint32_t sends) {
    if (kind == "valid_until" || kind == "certs") return 3 * kDay;
    if (sends <= 1) return kHour;
    return sends == 2 ? 4 * kHour : kDay;
}

// How long it must have been over before that is told.
std::int64_t calm_after(std::uint32_t returns) {
    constexpr std::int64_t kCalm[] = {5 * kMinute, kHour, 4 * kHour, kDay};
    return kCalm[std::min<std::size_t>(returns, std::size(kCalm) - 1)];
}

std::size_t index_of(Channel channel) {
    return static_cast<std::size_t>(channel);
}

// It went before it had lasted long enough to be worth a word.
bool too_short(const KnownAlert& alert) {
    return alert.patience > 0 && alert.cleared - alert.since < alert.patience;
}

Json told_json(const ToldAlert& told) {
    return {{"at", told.at},
            {"sends", told.sends},
            {"returns", told.returns},
            {"times", told.times},
            {"lasting", told.lasting}};
}

ToldAlert told_of(const Json& json) {
    return {json_time(json, "at"), static_cast<std::uint32_t>(json_count(json, "sends")),
            static_cast<std::uint32_t>(json_count(json, "returns")), json_count(json, "times"),
            json_true(json, "lasting")};
}

Json alert_json(const KnownAlert& alert) {
    Json json = {{"kind", alert.kind},
                 {"text", alert.text},
                 {"over", alert.over},
                 {"since", alert.since},
                 {"last_seen", alert.last_seen},
                 {"cleared", alert.cleared},
                 {"patience", alert.patience},
                 {"times", alert.times},
                 {"from_board", alert.from_board},
                 {"board", alert.board},
                 {"board_since", alert.board_since},
                 {"board_count", alert.board_count}};
    for (std::size_t i = 0; i < alert.told.size(); ++i) json[kChannelNames[i]] = told_json(alert.told[i]);
    return json;
}

KnownAlert alert_of(const Json& json) {
    KnownAlert alert;
    alert.kind = json_text(json, "kind").substr(0, kLongestKept);
    alert.text = json_text(json, "text").substr(0, kLongestKept);
    alert.over = json_text(json, "over").substr(0, kLongestKept);
    alert.since = json_time(json, "since");
    alert.last_seen = json_time(json, "last_seen");
    alert.cleared = json_time(json, "cleared");
    alert.patience = json_time(json, "patience");
    alert.times = json_count(json, "times");
    alert.from_board = json_true(json, "from_board");
    alert.board = json_time(json, "board");
    alert.board_since = json_time(json, "board_since");
    alert.board_count = json_count(json, "board_count");
    for (std::size_t i = 0; i < alert.told.size(); ++i)
        alert.told[i] =
            told_of(json.is_object() && json.contains(kChannelNames[i]) ? json[kChannelNames[i]] : Json());
    return alert;
}

}  // namespace

std::string_view notice_phase_word(NoticePhase phase) {
    return kPhases[static_cast<std::size_t>(phase)];
}

// The one of that key, or a new one; the longest gone makes room. Null when all of them last.
KnownAlert* AlertLedger::place_for(const std::string& key) {
    if (const auto found = alerts_.find(key); found != alerts_.end()) return &found->second;
    if (alerts_.size() >= kMostAlerts) {
        auto oldest = alerts_.end();
        for (auto each = alerts_.begin(); each != alerts_.end(); ++each)
            if (!each->second.lasts() &&
                (oldest == alerts_.end() || each->second.last_seen < oldest->second.last_seen))
                oldest = each;
        if (oldest == alerts_.end()) return nullptr;
        alerts_.erase(oldest);
    }
    KnownAlert& made = alerts_[key];
    made.cleared = 1;  // it has never been so yet
    return &made;
}

void AlertLedger::see_fact(const AlertFact& fact, std::int64_t now) {
    KnownAlert* const alert = place_for(fact.key);
    if (alert == nullptr) return;
    if (!alert->lasts()) {
        alert->since = now;
        alert->cleared = 0;
        ++alert->times;
    }
    alert->kind = fact.kind;
    alert->text = fact.text.substr(0, kLongestKept);
    alert->over.clear();
    // Once it was worth telling it stays so.
    alert->patience = alert->since == now ? fact.patience : std::min(alert->patience, fact.patience);
    alert->last_seen = now;
}

// The count of the board says how often it came since the last look; a new engine counts anew.
void AlertLedger::see_board_fact(const AlertFact& fact, std::int64_t now) {
    const auto known = alerts_.find(fact.key);
    if (known == alerts_.end() && fact.cleared != 0 && since(fact.cleared, now) > kForgetAfter) return;
    KnownAlert* const alert = place_for(fact.key);
    if (alert == nullptr) return;
    const bool grown = alert->board == fact.board && fact.count > alert->board_count;
    if (alert->board != fact.board || alert->board_since != fact.since || alert->board_count != fact.count) {
        alert->times += std::max<std::uint64_t>(1, grown ? fact.count - alert->board_count : fact.count);
        alert->since = fact.since;
        alert->board = fact.board;
        alert->board_since = fact.since;
        alert->board_count = fact.count;
        alert->last_seen = now;
    }
    alert->kind = fact.kind;
    alert->text = fact.text.substr(0, kLongestKept);
    alert->over = fact.over.substr(0, kLongestKept);
    alert->from_board = true;
    alert->cleared = fact.cleared;
    if (alert->lasts()) alert->last_seen = now;
}

void AlertLedger::see(const AlertLook& look, std::int64_t now) {
    for (const AlertFact& fact : look.facts)
        fact.from_board ? see_board_fact(fact, now) : see_fact(fact, now);
    for (auto& [key, alert] : alerts_) {
        const auto is_it = [&key = key](const AlertFact& fact) { return fact.key == key; };
        const bool seen = std::any_of(look.facts.begin(), look.facts.end(), is_it);
        const bool looked = alert.from_board ? look.board_known : look.checks_known;
        if (!seen && looked && alert.lasts()) {
            alert.cleared = now;
            if (too_short(alert)) --alert.times;  // as if it had never been
        }
        // Whoever snoozes a kind wants to hear nothing of what came and went meanwhile.
        if (!alert.lasts() && snoozed_until(alert.kind, now) != 0)
            for (ToldAlert& told : alert.told)
                if (!told.lasting) told.times = alert.times;
    }
}

std::optional<NoticePhase> AlertLedger::phase_due(const KnownAlert& alert, const ToldAlert& told,
                                                  std::int64_t now) const {
    if (snoozed_until(alert.kind, now) != 0) return std::nullopt;
    const bool reminder = since(told.at, now) >= reminder_after(alert.kind, told.sends);
    if (alert.lasts()) {
        if (told.lasting) return reminder ? std::optional(NoticePhase::kReminder) : std::nullopt;
        if (since(alert.since, now) < alert.patience) return std::nullopt;
        return NoticePhase::kNew;
    }
    if (told.lasting) {
        if (since(alert.cleared, now) < calm_after(told.returns)) return std::nullopt;
        return NoticePhase::kOver;
    }
    const bool untold = told.times < alert.times;
    return untold && (told.sends == 0 || reminder) ? std::optional(NoticePhase::kBrief) : std::nullopt;
}

bool AlertLedger::enough_for_now(Channel channel, std::int64_t now) const {
    const auto& sent = sent_[index_of(channel)];
    const auto lately = [now](std::int64_t at) { return since(at, now) < kHour; };
    return static_cast<std::size_t>(std::count_if(sent.begin(), sent.end(), lately)) >= kMostAnHour;
}

std::vector<Notice> AlertLedger::due(Channel channel, std::int64_t now) const {
    std::vector<Notice> notices;
    if (enough_for_now(channel, now)) return notices;
    for (const auto& [key, alert] : alerts_) {
        const ToldAlert& told = alert.told[index_of(channel)];
        const auto phase = phase_due(alert, told, now);
        if (!phase) continue;
        const std::uint64_t times = alert.times > told.times ? alert.times - told.times : 1;
        notices.push_back(
            {*phase, key, alert.kind, alert.text, alert.over, alert.since, alert.cleared, times});
    }
    return notices;
}

void AlertLedger::note_told(Channel channel, const std::vector<Notice>& notices, std::int64_t now) {
    for (const Notice& notice : notices) {
        const auto found = alerts_.find(notice.key);
        if (found == alerts_.end()) continue;
        ToldAlert& told = found->second.told[index_of(channel)];
        const bool is_new = notice.phase == NoticePhase::kNew;
        if (is_new && told.sends > 0) ++told.returns;
        if (notice.phase != NoticePhase::kOver) told.sends = is_new ? 1 : told.sends + 1;
        told.at = now;
        told.times = found->second.times;
        told.lasting = is_new || notice.phase == NoticePhase::kReminder;
    }
    auto& sent = sent_[index_of(channel)];
    std::erase_if(sent, [now](std::int64_t at) { return since(at, now) >= kHour; });
    sent.push_back(now);
}

std::int64_t AlertLedger::next_reminder_in(Channel channel, std::int64_t now) const {
    std::int64_t soonest = 0;
    for (const auto& [key, alert] : alerts_) {
        const ToldAlert& told = alert.told[index_of(channel)];
        if (!alert.lasts() || !told.lasting) continue;
        const std::int64_t at =
            std::max(told.at + reminder_after(alert.kind, told.sends), snoozed_until(alert.kind, now));
        const std::int64_t left = std::max<std::int64_t>(1, at - now);
        soonest = soonest == 0 ? left : std::min(soonest, left);
    }
    return soonest;
}

void AlertLedger::forget(const Channels& in_use, std::int64_t now) {
    std::erase_if(snoozes_, [now](const auto& each) { return each.second <= now; });
    std::erase_if(alerts_, [&](const auto& each) {
        const KnownAlert& alert = each.second;
        if (alert.lasts() || since(alert.last_seen, now) <= kForgetAfter) return false;
        return std::none_of(in_use.begin(), in_use.end(), [&](Channel channel) {
            const ToldAlert& told = alert.told[index_of(channel)];
            return told.lasting || told.times < alert.times;
        });
    });
}

void AlertLedger::snooze(const std::string& kind, std::int64_t until) {
    if (snoozes_.size() < kMostSnoozes || snoozes_.contains(kind)) snoozes_[kind] = until;
}

bool AlertLedger::unsnooze(const std::string& kind) {
    return snoozes_.erase(kind) != 0;
}

std::int64_t AlertLedger::snoozed_until(const std::string& kind, std::int64_t now) const {
    const auto found = snoozes_.find(kind);
    return found != snoozes_.end() && found->second > now ? found->second : 0;
}

AlertLedger AlertLedger::parse(const Json& json) {
    AlertLedger ledger;
    json_each_member(json, "alerts", kMostAlerts, [&](const std::string& key, const Json& value) {
        KnownAlert alert = alert_of(value);
        if (!alert.kind.empty()) ledger.alerts_[key] = std::move(alert);
    });
    json_each_member(json, "snoozed", kMostSnoozes, [&](const std::string& kind, const Json& until) {
        if (until.is_number_integer()) ledger.snoozes_[kind] = until.get<std::int64_t>();
    });
    const Json sent = json.is_object() && json.contains("sent") ? json["sent"] : Json();
    for (std::size_t i = 0; i < ledger.sent_.size(); ++i)
        json_each_element(sent, kChannelNames[i], kMostAnHour, [&](const Json& at) {
            if (at.is_number_integer()) ledger.sent_[i].push_back(at.get<std::int64_t>());
        });
    return ledger;
}

Json AlertLedger::print() const {
    Json json = {{"alerts", Json::object()}, {"snoozed", Json::object()}, {"sent", Json::object()}};
    for (const auto& [key, alert] : alerts_) json["alerts"][key] = alert_json(alert);
    for (const auto& [kind, until] : snoozes_) json["snoozed"][kind] = until;
    for (std::size_t i = 0; i < sent_.size(); ++i) json["sent"][kChannelNames[i]] = sent_[i];
    return json;
}

}  // namespace optimilter
