// SPDX-License-Identifier: Apache-2.0
//
// How systemd sees our units: the text of `systemctl show` taken apart and judged. Runs nothing. Thread safe:
// pure functions; broken text gives units that are not known, never an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "console/check_list.hpp"

namespace optimilter {

inline constexpr std::string_view kGuardUnit = "optimilter.service";
inline constexpr std::string_view kEngineUnit = "optimilter-engine.service";
// Whether it runs is a choice: not installed, or stopped, it is told and no more.
inline constexpr std::string_view kQueueWatchUnit = "optimilter-queuewatch.service";

struct UnitState {
    std::string name;
    std::string load;    // "loaded", "not-found", "masked"
    std::string active;  // "active", "activating", "inactive", "failed", "deactivating"
    std::string sub;     // "running", "auto-restart", ...
    std::string result;  // "success", "exit-code", "watchdog", "oom-kill", ...
    std::string restarts;
};

// The arguments behind "systemctl" whose output parse_units() reads.
std::vector<std::string> show_units_arguments();
// Values are cleaned.
std::vector<UnitState> parse_units(std::string_view systemctl_output);
Check unit_check(const std::vector<UnitState>& units);

}  // namespace optimilter
