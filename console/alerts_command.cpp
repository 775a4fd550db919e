// SPDX-License-Identifier: Apache-2.0
#include "console/alerts_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "console/alert_facts.hpp"
#include "console/alert_words.hpp"
#include "console/notice_text.hpp"
#include "console/process_checks.hpp"
#include "console/recover_state.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kLockWaitMs = 5000;

// What both sources say, and what could not be asked.
struct KnownAlerts {
    AlertLedger ledger;
    std::vector<std::string> missing;
};

KnownAlerts gather(const AlertsRequest& request, const Settings& settings, std::int64_t now) {
    KnownAlerts known;
    // Only root looks into the folder; it is no mistake that it is not there before the first run.
    if (::access(request.state_folder.c_str(), R_OK | X_OK) == 0 || errno == ENOENT)
        known.ledger = StateFolder::peek(request.state_folder).ledger;
    else
        known.missing.push_back("what optimilter-recover remembers: that takes root");
    AlertLook look{{}, false, false};
    const std::string& socket = settings.control_socket;
    const auto status = socket.empty() ? Result<std::string>(Error{ErrorCode::kIo, "control_socket is empty"})
                                       : ask_for_status(socket, "status");
    if (status) look.board_known = add_board_facts(*status, look.facts);
    if (!look.board_known)
        known.missing.push_back("the engine: " + (status ? "its answer is none" : status.error().text));
    known.ledger.see(look, now);
    return known;
}

std::string told_text(const ToldAlert& told, const char* channel, std::int64_t now) {
    if (told.at == 0) return {};
    return fmt::format(", {} {} ago", channel, time_span(std::max<std::int64_t>(0, now - told.at)));
}

std::string alert_text(const std::string& key, const KnownAlert& alert, const AlertLedger& ledger,
                       std::int64_t now) {
    std::string text = fmt::format("{} {}: ", alert.lasts() ? "lasts" : "over ", printable(key, 120));
    text += alert.lasts() ? fmt::format("since {}", mail_date(alert.since))
                          : fmt::format("{} to {}", mail_date(alert.since), mail_date(alert.cleared));
    if (alert.times > 1) text += fmt::format(", {} times", alert.times);
    text += told_text(alert.told[0], "mail", now) + told_text(alert.told[1], "webhook", now);
    if (const std::int64_t until = ledger.snoozed_until(alert.kind, now); until != 0)
        text += fmt::format(", snoozed for {}", time_span(until - now));
    text += "\n      " + printable(alert.text, 500) + "\n";
    return alert.over.empty() ? text : text + "      now: " + printable(alert.over, 500) + "\n";
}

void print_text(const KnownAlerts& known, std::int64_t now) {
    for (const auto& [key, alert] : known.ledger.alerts())
        fmt::print("{}", alert_text(key, alert, known.ledger, now));
    if (known.ledger.alerts().empty()) fmt::print("no alerts\n");
    for (const auto& [kind, until] : known.ledger.snoozes())
        if (until > now) fmt::print("snoozed: {} until {}\n", printable(kind), mail_date(until));
    for (const std::string& missing : known.missing) fmt::print("not known: {}\n", printable(missing, 500));
}

nlohmann::ordered_json told_json(const ToldAlert& told) {
    return {{"at", told.at}, {"sends", told.sends}, {"lasting", told.lasting}};
}

void print_json(const KnownAlerts& known, std::int64_t now) {
    nlohmann::ordered_json json;
    json["alerts"] = nlohmann::ordered_json::array();
    for (const auto& [key, alert] : known.ledger.alerts())
        json["alerts"].push_back({{"key", key},
                                  {"kind", alert.kind},
                                  {"lasts", alert.lasts()},
                                  {"since", alert.since},
                                  {"cleared", alert.cleared},
                                  {"times", alert.times},
                                  {"text", printable(alert.text, 500)},
                                  {"over", printable(alert.over, 500)},
                                  {"snoozed_until", known.ledger.snoozed_until(alert.kind, now)},
                                  {"mail", told_json(alert.told[0])},
                                  {"webhook", told_json(alert.told[1])}});
    json["snoozed"] = nlohmann::ordered_json::object();
    for (const auto& [kind, until] : known.ledger.snoozes())
        if (until > now) json["snoozed"][kind] = until;
    json["not_known"] = known.missing;
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

int refuse(const std::string& why) {
    fmt::print(stderr, "optimilterctl: {}\n", why);
    return 1;
}

// Reads, lets change do its work, and writes, under the lock that optimilter-recover takes as well.
template <typename Change>
int change_ledger(const AlertsRequest& request, Change&& change) {
    const auto folder = StateFolder::open(request.state_folder, kLockWaitMs);
    if (!folder) return refuse(folder.error().text + (::geteuid() == 0 ? "" : "; this takes root"));
    RecoverState state = folder->read();
    change(state.ledger);
    const Status kept = folder->write(state);
    return kept ? 0 : refuse(kept.error().text);
}

}  // namespace

int list_alerts(const AlertsRequest& request, const Settings& settings) {
    const std::int64_t now = std::time(nullptr);
    const KnownAlerts known = gather(request, settings, now);
    request.json ? print_json(known, now) : print_text(known, now);
    const auto& alerts = known.ledger.alerts();
    const auto lasts = [](const auto& each) { return each.second.lasts(); };
    return std::any_of(alerts.begin(), alerts.end(), lasts) || !known.missing.empty() ? 1 : 0;
}

int snooze_alerts(const AlertsRequest& request) {
    const std::int64_t until = std::time(nullptr) + request.for_ms / 1000;
    const int status =
        change_ledger(request, [&](AlertLedger& ledger) { ledger.snooze(request.kind, until); });
    if (status == 0) fmt::print("nothing is told of {} until {}\n", request.kind, mail_date(until));
    return status;
}

int unsnooze_alerts(const AlertsRequest& request) {
    bool was = false;
    const int status =
        change_ledger(request, [&](AlertLedger& ledger) { was = ledger.unsnooze(request.kind); });
    if (status == 0)
        fmt::print("{}\n", was ? request.kind + " is told of again" : request.kind + " was not snoozed");
    return status;
}

}  // namespace optimilter
