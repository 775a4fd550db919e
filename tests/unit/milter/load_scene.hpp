// SPDX-License-Identifier: Apache-2.0
//
// What the tests of load control in the engine share: a monitor whose sources are the test's, files for the
// kernel's pressure among them, and a clock that is a number.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "check.hpp"
#include "milter/load_monitor.hpp"

namespace optimilter {

struct LoadScene {
    struct Change {
        int from, to;
        LoadSignal cause;
    };

    LoadScene()
        : monitor(board, sources(), [this](std::uint8_t from, std::uint8_t to, const LoadState& state) {
              changes.push_back({from, to, state.cause});
              CHECK_EQ(board.limits().level, to);  // published before it is told
          }) {}
    ~LoadScene() { std::filesystem::remove_all(folder); }

    LoadSources sources() {
        LoadSources all;
        all.pool = [this] { return pool; };
        all.sessions = [this] { return sessions; };
        all.queue = [this] { return queue; };
        all.why_no_queue = [] { return std::string("nobody counts it"); };
        char name[] = "/tmp/optimilter-pressure.XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        folder = name;
        all.pressure_folder = folder;
        return all;
    }

    void write_pressure(const char* name, const std::string& text) const {
        std::ofstream(folder + "/" + name) << text;
    }

    // So many seconds, a sample each.
    void pass(int seconds) {
        for (int i = 0; i < seconds; ++i) monitor.sample(now_ms += 1000, settings);
    }

    PoolLoad pool;
    std::uint32_t sessions = 0;
    std::optional<QueueSample> queue;
    std::string folder;
    Settings settings;
    std::vector<Change> changes;
    std::int64_t now_ms = 3'600'000;
    LoadBoard board;
    LoadMonitor monitor;
};

}  // namespace optimilter
