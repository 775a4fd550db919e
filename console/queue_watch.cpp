// SPDX-License-Identifier: Apache-2.0
#include "console/queue_watch.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/service_notify.hpp"
#include "base/version.hpp"

namespace optimilter {

namespace {

std::string with_age(std::uint64_t messages, std::int64_t oldest_ms) {
    if (oldest_ms <= 0) return fmt::format("{}", messages);
    return fmt::format("{} (oldest {} s)", messages, oldest_ms / 1000);
}

}  // namespace

QueueWatch::QueueWatch(Settings settings, std::string settings_file, UniqueFd signals)
    : settings_(std::move(settings)),
      settings_file_(std::move(settings_file)),
      signals_(std::move(signals)),
      sampler_(settings_.queue_directories),
      sender_(settings_.queue_socket),
      next_(Deadline::in_ms(0)),
      watchdog_ms_(watchdog_interval()) {}

int QueueWatch::run() {
    while (!stopping_) {
        if (next_.expired()) take_sample();
        wait();
        hear_signals();
    }
    notify_service("STOPPING=1");
    log_info("stopping");
    return 0;
}

std::string QueueWatch::counts_line(const QueueRecord& record) {
    std::string line = fmt::format(
        "incoming {}, active {}, deferred {}, hold {}", with_age(record.incoming, record.incoming_oldest_ms),
        with_age(record.active, record.active_oldest_ms), record.deferred, record.hold);
    if (!record.problem.empty()) line += "; " + record.problem;
    return line;
}

std::int64_t QueueWatch::pause_ms(std::int64_t interval_ms, double cost_ms, double cost_before_ms) {
    const double usual_ms = std::min(cost_ms, cost_before_ms);
    const double least = std::min(usual_ms * 100 / kMostPercent, static_cast<double>(kLongestPauseMs));
    return std::max(interval_ms, static_cast<std::int64_t>(least));
}

void QueueWatch::take_sample() {
    const Deadline began = Deadline::in_ms(0);
    const double cpu_ms = thread_cpu_ms();
    QueueRecord record = sampler_.sample(QueueClock::now());
    const double cost_ms = thread_cpu_ms() - cpu_ms;
    const std::int64_t pause =
        pause_ms(settings_.queue_interval, cost_ms, std::exchange(cost_before_ms_, cost_ms));
    record.interval_ms = static_cast<std::uint32_t>(pause);
    record.cost_us = static_cast<std::uint32_t>(std::clamp(cost_ms * 1000, 0.0, 4e9));
    record.pid = static_cast<std::uint32_t>(::getpid());
    record.uptime_s = static_cast<std::uint32_t>(uptime_.elapsed_ms() / 1000);
    record.version = kVersion;
    sender_.send(record);
    tell(record);
    // By the clock, not by the end of the work, so that one a second is one a second.
    next_ = Deadline(began.at() + std::chrono::milliseconds(pause));
}

// A folder that is lost or an engine that is away is worth one line, not one a second.
void QueueWatch::tell(const QueueRecord& record) {
    for (const QueueNews& news : sampler_.take_news())
        log_line(news.lost ? LogLevel::kWarning : LogLevel::kInfo, news.text);
    if (sender_.take_change()) {
        if (sender_.problem().empty()) {
            log_info("the engine takes the samples at {}", settings_.queue_socket);
        } else {
            log_info("the samples reach nobody: {}", sender_.problem());
        }
    }
    std::string state = "STATUS=" + counts_line(record);
    if (!sender_.problem().empty()) state += "; " + sender_.problem();
    notify_service((std::exchange(ready_told_, true) ? "WATCHDOG=1\n" : "READY=1\nWATCHDOG=1\n") + state);
}

// At most a third of the watchdog's interval, whatever the pause between two samples is.
void QueueWatch::wait() {
    const std::int64_t most = watchdog_ms_ ? std::max<std::int64_t>(1, *watchdog_ms_ / 3) : 60'000;
    const std::int64_t wait = std::min(next_.remaining_ms() + 1, most);
    pollfd wake{signals_.get(), POLLIN, 0};
    ::poll(&wake, 1, static_cast<int>(wait));
    if (ready_told_ && !next_.expired()) notify_service("WATCHDOG=1");
}

void QueueWatch::hear_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGHUP) {
            reload();
        } else {
            stopping_ = true;
        }
    }
}

void QueueWatch::reload() {
    notify_service("RELOADING=1");
    LoadedSettings loaded = load_settings(settings_file_);
    for (const SettingsProblem& problem : loaded.problems) log_error("{}", problem.text);
    if (!loaded.ok()) {
        log_error("reload: {} has problems, the old settings stay", settings_file_);
    } else {
        // What is known of the same folders stays known; the socket is only a path.
        if (loaded.settings.queue_directories != settings_.queue_directories)
            sampler_ = QueueSampler(loaded.settings.queue_directories);
        if (loaded.settings.queue_socket != settings_.queue_socket)
            sender_ = QueueSender(loaded.settings.queue_socket);
        set_log_level(loaded.settings.log_level);
        settings_ = std::move(loaded.settings);
        next_ = Deadline::in_ms(0);
        log_info("reload: settings read from {}", settings_file_);
    }
    notify_service("READY=1");
}

}  // namespace optimilter
