// SPDX-License-Identifier: Apache-2.0
//
// From what was found to what may be told: failed checks, failed units, certificates, and the engine's alert
// board become the facts that the ledger keeps. Asks nobody. Thread safe: pure functions.
//
// Security: the board comes from a process that may be broken: every field is checked, and the number of
// entries is bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "console/alert_ledger.hpp"
#include "console/selfcheck.hpp"

namespace optimilter {

// Of the checks and units of one look. A warning is none, but for certificates. What fails while a unit is
// on its way up or down, or was stopped by hand, has to last: a restart is no news.
std::vector<AlertFact> facts_of(const SelfcheckFindings& findings);

// The engine's alerts, from its status; false: this is no status of an engine.
bool add_board_facts(std::string_view engine_status, std::vector<AlertFact>& facts);

// An event that systemd tells of: it has started this unit again by itself, so often more than known.
AlertFact restart_fact(const UnitState& unit, std::uint32_t fresh, const AlertLedger& ledger,
                       std::int64_t now);

}  // namespace optimilter
