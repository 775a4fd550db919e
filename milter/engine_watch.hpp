// SPDX-License-Identifier: Apache-2.0
//
// From the engine's figures to its alert board: workers that crash again and again or cannot be started, and
// policies whose last day is near or past. Looks when it is told to; the clocks are passed in. Starts and
// ends nothing. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "milter/alert_board.hpp"
#include "milter/expiry.hpp"

namespace optimilter {

// What the engine looks like at one moment.
struct EngineFigures {
    std::int64_t steady_s = 0;       // monotonic
    std::int64_t wall_s = 0;         // since 1970
    std::uint64_t workers_died = 0;  // counters of these names
    std::uint64_t workers_started = 0;
    std::string down_reason;  // of the pool
    std::vector<Expiry> expiries;
};

class EngineWatch {
  public:
    // So many crashes within kCrashWindow are a loop; it has ended when none came for as long.
    static constexpr std::uint64_t kCrashes = 10;
    static constexpr std::int64_t kCrashWindow = 600;  // seconds
    // A zygote that is started again at once is no news.
    static constexpr std::int64_t kDownPatience = 15;

    explicit EngineWatch(AlertBoard& board) : board_(board) {}

    // About every five seconds; any distance is right.
    void look(const EngineFigures& figures);

  private:
    struct Sample {
        std::int64_t at;
        std::uint64_t died;
        std::uint64_t started;
    };
    void remember(const EngineFigures& figures);
    std::string trouble_of_workers(const EngineFigures& figures);
    void look_at_workers(const EngineFigures& figures);
    void look_at_expiries(const EngineFigures& figures);

    AlertBoard& board_;
    std::deque<Sample> samples_;  // one each ten seconds; the first is the oldest within the window
    std::optional<std::int64_t> down_since_;
};

}  // namespace optimilter
