// SPDX-License-Identifier: Apache-2.0
#include "console/alert_facts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "console/json_fields.hpp"
#include "milter/alert_board.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kRestartPatience = 600;
constexpr std::size_t kMostBoardFacts = 32;

// A unit is neither up nor given up: it is starting, stopping, or was stopped by hand.
bool in_transition(const std::vector<UnitState>& units) {
    return std::any_of(units.begin(), units.end(), [](const UnitState& unit) {
        return unit.load == "loaded" && unit.active != "active" && unit.active != "failed";
    });
}

bool depends_on_units(const std::string& check) {
    return check == "guard" || check == "engine" || check == "sockets";
}

std::string failed_unit_text(const UnitState& unit) {
    std::string text = fmt::format("{} has failed", unit.name);
    if (!unit.result.empty() && unit.result != "success") text += fmt::format(" ({})", unit.result);
    if (!unit.restarts.empty() && unit.restarts != "0")
        text += fmt::format(" after {} restarts", unit.restarts);
    return text;
}

}  // namespace

std::vector<AlertFact> facts_of(const SelfcheckFindings& findings) {
    std::vector<AlertFact> facts;
    const std::int64_t patience = in_transition(findings.units) ? kRestartPatience : 0;
    const bool unit_failed = std::any_of(findings.units.begin(), findings.units.end(),
                                         [](const UnitState& unit) { return unit.active == "failed"; });
    for (const Check& check : findings.checks) {
        // These have facts of their own.
        if (check.state != CheckState::kFail || check.name == "certs") continue;
        if (check.name == "units" && unit_failed) continue;
        facts.push_back({.key = check.name,
                         .kind = check.name,
                         .text = check.reason,
                         .patience = depends_on_units(check.name) ? patience : 0,
                         .over = {}});
    }
    for (const CertificateFinding& certificate : findings.certificates)
        if (certificate.state != CheckState::kOk)
            facts.push_back(
                {.key = "certs:" + certificate.path, .kind = "certs", .text = certificate.text, .over = {}});
    for (const UnitState& unit : findings.units)
        if (unit.active == "failed")
            facts.push_back({.key = unit.name, .kind = "units", .text = failed_unit_text(unit), .over = {}});
    return facts;
}

bool add_board_facts(std::string_view engine_status, std::vector<AlertFact>& facts) {
    const auto json = nlohmann::json::parse(engine_status, nullptr, false);
    if (json_text(json, "process") != "engine") return false;
    json_each_element(json, "alerts", kMostBoardFacts, [&](const nlohmann::json& entry) {
        AlertFact fact;
        fact.kind = fact.key = printable(json_text(entry, "kind"), 40);
        fact.text = json_text(entry, "text");
        fact.over = json_text(entry, "over");
        fact.from_board = true;
        fact.board = json_time(json, "pid");
        fact.since = json_time(entry, "since");
        fact.cleared = json_time(entry, "cleared");
        fact.count = json_count(entry, "count");
        if (!fact.kind.empty()) facts.push_back(std::move(fact));
    });
    return true;
}

AlertFact restart_fact(const UnitState& unit, std::uint32_t fresh, const AlertLedger& ledger,
                       std::int64_t now) {
    AlertFact fact;
    fact.key = "restarts:" + unit.name;
    fact.kind = alert_kind_name(AlertKind::kRestarts);
    fact.text = fmt::format("{} ended without being asked to, and systemd started it again{}", unit.name,
                            fresh == 1 ? "" : fmt::format(", {} times", fresh));
    const auto known = ledger.alerts().find(fact.key);
    fact.count = fresh + (known == ledger.alerts().end() ? 0 : known->second.board_count);
    fact.from_board = true;
    fact.since = fact.cleared = now;
    return fact;
}

}  // namespace optimilter
