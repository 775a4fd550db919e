// SPDX-License-Identifier: Apache-2.0
//
// What optimilter-recover does about what selfcheck found: ends orphans, removes stale sockets, starts failed
// units again, and says why it leaves the rest alone. Deciding and doing are apart, so that --dry-run and
// tests see the same plan. One thread at a time.
//
// Security: runs as root. Every deed looks again at what it is about to end or remove.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "console/alert_facts.hpp"
#include "console/recover_state.hpp"
#include "console/selfcheck.hpp"

namespace optimilter {

enum class DeedKind { kEndOrphan, kRemoveSocket, kStartUnit };

struct Deed {
    DeedKind kind = DeedKind::kStartUnit;
    std::string what;      // in words: "end process 4711 (...), which nothing owns"
    std::string subject;   // socket path or unit name
    ProcessEntry process;  // kEndOrphan
};

struct RecoverPlan {
    std::vector<Deed> deeds;        // in the order to do them: units come last
    std::vector<std::string> left;  // what is wrong and left alone, and why, in words
};

RecoverPlan plan_recovery(const SelfcheckFindings& findings, const RecoverState& state, std::int64_t now);

struct DoneDeeds {
    std::vector<std::string> told;    // one sentence each, of those that failed too
    std::vector<std::string> failed;  // of those alone
};

// Does them. Notes starts of units in state.
DoneDeeds do_deeds(const RecoverPlan& plan, const SelfcheckSources& sources, RecoverState& state);

// All that the ledger should hear of after a look: the findings, what could not be done, what systemd had to
// start again, and the engine's board, which is asked for here.
AlertLook alert_look(const SelfcheckFindings& findings, const DoneDeeds& done,
                     const SelfcheckSources& sources, RecoverState& state);

}  // namespace optimilter
