// SPDX-License-Identifier: Apache-2.0
//
// What load control does and why, in words: JSON for the engine's status, lines for its log
// (optimilter-engine(8), LOAD). Only reads. Thread safe: pure functions of their arguments.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "milter/load_monitor.hpp"

namespace optimilter {

// The object "load" of the status. now_ms as in LoadSample.
nlohmann::ordered_json load_json(const LoadMonitor& load, const Settings& settings, std::int64_t now_ms);

// "job_wait=812ms eom_time=2310ms deadlines=0.02 ...": every signal that is known, in a fixed order.
std::string load_figures(const LoadSample& sample);

// "level 2, attachments of 32KiB to 8MiB, effort 1": what is done from here on.
std::string load_limits_text(const LoadLimits& limits);

// The log's line of a change of level.
std::string level_change_line(std::uint8_t from, const LoadMonitor& load);

}  // namespace optimilter
