// SPDX-License-Identifier: Apache-2.0
//
// The life of optimilter-queuewatch: counts, sends, tells systemd, waits. It never holds up anything: mail,
// MTA and engine do not know whether it runs. One thread, one a process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "console/queue_sampler.hpp"
#include "console/queue_sender.hpp"
#include "policy/settings.hpp"

namespace optimilter {

class QueueWatch {
  public:
    // signals: a signalfd with SIGHUP, SIGTERM and SIGINT, which are blocked.
    QueueWatch(Settings settings, std::string settings_file, UniqueFd signals);

    // Until SIGTERM or SIGINT; the exit status.
    int run();

    // One line, such as "incoming 2 (oldest 1 s), active 40 (oldest 12 s), deferred 300, hold 0".
    static std::string counts_line(const QueueRecord& record);
    // From one sample to the next, when the last two took so much CPU: counting takes no more than
    // kMostPercent of one. The cheaper of the two counts, because one alone may have been disturbed, or the
    // first of all.
    static std::int64_t pause_ms(std::int64_t interval_ms, double cost_ms, double cost_before_ms);

  private:
    static constexpr double kMostPercent = 2;
    static constexpr std::int64_t kLongestPauseMs = 20'000;

    void take_sample();
    void tell(const QueueRecord& record);
    void wait();
    void hear_signals();
    void reload();

    Settings settings_;
    const std::string settings_file_;
    UniqueFd signals_;
    QueueSampler sampler_;
    QueueSender sender_;
    Stopwatch uptime_;
    Deadline next_;
    const std::optional<std::int64_t> watchdog_ms_;
    double cost_before_ms_ = 0;
    bool ready_told_ = false;
    bool stopping_ = false;
};

}  // namespace optimilter
