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
    std::vector<Deed> deeds;          // in the order to do them: units come last
    std::vector<std::string> left;    // what is wrong and left alone, and why, in words
    std::vector<std::string> causes;  // short stable words, for "was the admin told of this?"
};

// A warning is no cause: only failed checks and deeds are.
RecoverPlan plan_recovery(const SelfcheckFindings& findings, const RecoverState& state, std::int64_t now);

// Does them and returns one sentence each, what failed too. Notes starts of units in state.
std::vector<std::string> do_deeds(const RecoverPlan& plan, const SelfcheckSources& sources,
                                  RecoverState& state);

}  // namespace optimilter
