// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

std::atomic<LogLevel> level_{LogLevel::kInfo};
std::atomic<std::uint64_t> lost_{0};
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

// A pipe that polls writable takes so much without blocking.
constexpr std::size_t kMaxLine = PIPE_BUF;

// Where lines go. The mutex is held for one attempt that cannot block.
class Output {
  public:
    void open(const char* ident, LogTarget target, const std::string& socket) {
        const std::lock_guard lock(mutex_);
        ident_ = ident;
        target_ = target;
        path_ = socket;
        syslog_.reset();
        if (target == LogTarget::kSyslog) connect();
    }

    void write(LogLevel level, std::string_view text) {
        const std::lock_guard lock(mutex_);
        if (untold_ > 0 && take(LogLevel::kWarning, fmt::format("{} log lines were lost", untold_)))
            untold_ = 0;
        if (take(level, text)) return;
        ++untold_;
        lost_.fetch_add(1, std::memory_order_relaxed);
    }

  private:
    bool take(LogLevel level, std::string_view text) {
        const LevelRow& row = kLevels[static_cast<std::size_t>(level)];
        return target_ == LogTarget::kStderr ? to_stderr(row, text) : to_syslog(row, text);
    }

    bool to_stderr(const LevelRow& row, std::string_view text) {
        std::string line = fmt::format("optimilter: {}{}", row.prefix, text.substr(0, kMaxLine - 64));
        line += '\n';
        const ssize_t sent = ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0 || errno != ENOTSOCK) return sent >= 0;
        // O_NONBLOCK would reach everybody who shares this file, so the question is asked first.
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return false;
        return ::write(STDERR_FILENO, line.data(), line.size()) >= 0;
    }

    // As RFC 3164 and /dev/log have it: priority, local time, tag.
    bool to_syslog(const LevelRow& row, std::string_view text) {
        const time_t now = ::time(nullptr);
        tm local{};
        char stamp[32] = "";
        if (::localtime_r(&now, &local) != nullptr) ::strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &local);
        const std::string line = fmt::format("<{}>{} {}[{}]: {}{}", LOG_MAIL | row.priority, stamp, ident_,
                                             ::getpid(), row.prefix, text.substr(0, kMaxLine));
        if (send_datagram(line)) return true;
        // The log was started again, or was never there.
        if (errno == EAGAIN || errno == ENOBUFS) return false;
        connect();
        return send_datagram(line);
    }

    bool send_datagram(const std::string& line) {
        return ::send(syslog_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
    }

    void connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path_.size() >= sizeof address.sun_path) return;
        std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
        UniqueFd fresh(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::connect(fresh.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
            syslog_ = std::move(fresh);
    }

    std::mutex mutex_;
    const char* ident_ = "optimilter";
    LogTarget target_ = LogTarget::kStderr;
    std::string path_;
    UniqueFd syslog_;
    std::uint64_t untold_ = 0;
};

// Never destroyed: threads may log while the process ends.
Output& output() {
    static Output& only = *new Output;
    return only;
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

void open_log(const char* ident, LogTarget target, LogLevel level, const std::string& socket) {
    level_ = level;
    output().open(ident, target, socket);
}

std::uint64_t lost_log_lines() {
    return lost_.load(std::memory_order_relaxed);
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
    if (has_sink_) {
        const std::lock_guard lock(sink_mutex_);
        if (sink_) sink_(level, text);
        return;
    }
    output().write(level, text);
}

}  // namespace optimilter
