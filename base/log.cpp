// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "base/result.hpp"

namespace optimilter {

namespace {

std::atomic<LogLevel> level_{LogLevel::kInfo};
std::atomic<LogTarget> target_{LogTarget::kStderr};
std::mutex sink_mutex_;
std::function<void(LogLevel, std::string_view)> sink_;
std::atomic<bool> has_sink_{false};

struct LevelRow {
    int priority;
    std::string_view prefix;
};

constexpr LevelRow kLevels[] = {
    {LOG_DEBUG, "debug: "}, {LOG_INFO, ""},        {LOG_WARNING, "warning: "},
    {LOG_ERR, "error: "},   {LOG_CRIT, "fatal: "},
};

void write_stderr(std::string_view prefix, std::string_view text) {
    const auto piece = [](std::string_view part) {
        return iovec{const_cast<char*>(part.data()), part.size()};
    };
    // One writev, so that lines of several threads do not mix.
    const iovec line[] = {piece("optimilter: "), piece(prefix), piece(text), piece("\n")};
    [[maybe_unused]] const ssize_t written = ::writev(STDERR_FILENO, line, 4);
}

}  // namespace

const char* error_code_name(ErrorCode code) {
    switch (code) {
        case ErrorCode::kMalformed:
            return "malformed";
        case ErrorCode::kUnsupported:
            return "unsupported";
        case ErrorCode::kLimit:
            return "limit";
        case ErrorCode::kDeadline:
            return "deadline";
        case ErrorCode::kIo:
            return "io";
        case ErrorCode::kWorkerDied:
            return "worker died";
        case ErrorCode::kRefused:
            return "refused";
        case ErrorCode::kInternal:
            return "internal";
    }
    return "internal";
}

void open_log(const char* ident, LogTarget target, LogLevel level) {
    level_ = level;
    target_ = target;
    if (target == LogTarget::kSyslog) ::openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void set_log_level(LogLevel level) {
    level_ = level;
}

void set_log_sink(std::function<void(LogLevel, std::string_view)> sink) {
    const std::lock_guard lock(sink_mutex_);
    has_sink_ = static_cast<bool>(sink);
    sink_ = std::move(sink);
}

bool log_enabled(LogLevel level) {
    return level >= level_;
}

void log_line(LogLevel level, std::string_view text) {
    if (!log_enabled(level)) return;
    const LevelRow& row = kLevels[static_cast<std::size_t>(level)];
    if (has_sink_) {
        const std::lock_guard lock(sink_mutex_);
        if (sink_) sink_(level, text);
        return;
    }
    if (target_ == LogTarget::kStderr) {
        write_stderr(row.prefix, text);
        return;
    }
    ::syslog(row.priority, "%.*s%.*s", static_cast<int>(row.prefix.size()), row.prefix.data(),
             static_cast<int>(text.size()), text.data());
}

}  // namespace optimilter
