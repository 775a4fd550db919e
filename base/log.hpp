// SPDX-License-Identifier: Apache-2.0
//
// The one way to log. Lines go to syslog's mail facility (which systemd-journald serves too), to standard
// error, or to a function of a test. Callers pass foreign text through printable() first (base/text.hpp).
// Nobody ever waits for the log: a line that it does not take at once is dropped and counted, and the count
// is logged with the next line that gets through. Thread safe.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace optimilter {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kFatal };
enum class LogTarget { kSyslog, kStderr };

// ident: program name; not copied, pass a literal. Lines below the level are dropped. socket: of syslog, a
// path.
void open_log(const char* ident, LogTarget target, LogLevel level, const std::string& socket = "/dev/log");
// Lines dropped so far because the log did not take them.
std::uint64_t lost_log_lines();
void set_log_level(LogLevel level);
// For tests: every line goes to sink as well, instead of the target. An empty function ends that.
void set_log_sink(std::function<void(LogLevel, std::string_view)> sink);

bool log_enabled(LogLevel level);
void log_line(LogLevel level, std::string_view text);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kDebug))
        log_line(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
    if (log_enabled(LogLevel::kInfo))
        log_line(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_fatal(fmt::format_string<Args...> format, Args&&... args) {
    log_line(LogLevel::kFatal, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace optimilter
