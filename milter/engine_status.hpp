// SPDX-License-Identifier: Apache-2.0
//
// What the engine says of itself: JSON for optimilterctl and the like (optimilter-engine(8), STATUS), and a
// line for systemctl status. Only reads. Thread safe, but for EngineRun, which is the main thread's.
#pragma once

#include <ctime>
#include <string>

#include "base/clock.hpp"
#include "milter/engine.hpp"
#include "milter/load_monitor.hpp"
#include "policy/queue_monitor.hpp"

namespace optimilter {

// What the main thread knows of this run of the engine.
struct EngineRun {
    std::string settings_file;
    std::time_t settings_since = 0;     // when they were read
    std::string settings_problem;       // of the last reload; empty: they are those of the file
    const LoadMonitor* load = nullptr;  // null: no load control runs
    std::string problem;                // it does not work as it should, and why; empty: all well
    SteadyClock::time_point started = SteadyClock::now();
    const QueueMonitor* queue = nullptr;  // of the main thread, on the clock of QueueSocket; nullptr: none
};

// One JSON object and a line end.
std::string engine_status_json(const Engine& engine, const EngineRun& run);

// One short line, such as "serving: 3 sessions, 120 messages, 45 replaced, 0 drained".
std::string engine_status_line(const Engine& engine, const EngineRun& run);

}  // namespace optimilter
