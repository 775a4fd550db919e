// SPDX-License-Identifier: Apache-2.0
#include "console/queue_check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kCountedAtMost = 100'000;  // a queue that full needs no exact figure
constexpr std::size_t kManyWaiting = 2000;
constexpr std::int64_t kLongWait = 15 * 60;
constexpr std::size_t kManyInSendmail = 5000;

struct Waiting {
    std::size_t count = 0;
    std::int64_t oldest = 0;  // seconds since 1970; 0: none
    bool readable = false;
};

// Counts files below folder whose name has the prefix. Postfix hashes folders one to three levels deep.
Waiting count_files(const std::string& folder, std::string_view prefix = {}) {
    namespace fs = std::filesystem;
    Waiting waiting;
    std::error_code error;
    fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, error);
    waiting.readable = !error;
    for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
        if (entry.depth() >= 3) entry.disable_recursion_pending();
        struct stat file {};
        if (::lstat(entry->path().c_str(), &file) != 0 || !S_ISREG(file.st_mode)) continue;
        if (!entry->path().filename().string().starts_with(prefix)) continue;
        const auto since = static_cast<std::int64_t>(file.st_ctime);
        waiting.oldest = waiting.oldest == 0 ? since : std::min(waiting.oldest, since);
        if (++waiting.count >= kCountedAtMost) break;
    }
    return waiting;
}

std::string figure(const Waiting& waiting) {
    return waiting.count >= kCountedAtMost ? fmt::format("{} or more", kCountedAtMost)
                                           : fmt::format("{}", waiting.count);
}

}  // namespace

Check postfix_queue_check(const std::string& queue_directory, std::int64_t now) {
    const Waiting incoming = count_files(queue_directory + "/incoming");
    const Waiting active = count_files(queue_directory + "/active");
    const Waiting deferred = count_files(queue_directory + "/deferred");
    if (!incoming.readable || !active.readable)
        return {"queue", CheckState::kWarn,
                fmt::format("{} cannot be read: only root may", printable(queue_directory))};
    std::int64_t age = 0;
    for (const Waiting* each : {&incoming, &active})
        if (each->oldest != 0) age = std::max(age, now - each->oldest);
    const bool slow = incoming.count + active.count >= kManyWaiting || age >= kLongWait;
    return {
        "queue", slow ? CheckState::kWarn : CheckState::kOk,
        fmt::format("Postfix: incoming {}, active {}, deferred {}; the oldest of incoming and active {} s",
                    figure(incoming), figure(active), figure(deferred), age)};
}

Check sendmail_queue_check(const std::string& queue_directory) {
    const Waiting waiting = count_files(queue_directory, "qf");
    if (!waiting.readable)
        return {"queue", CheckState::kWarn,
                fmt::format("{} cannot be read: only root may", printable(queue_directory))};
    return {"queue", waiting.count >= kManyInSendmail ? CheckState::kWarn : CheckState::kOk,
            fmt::format("Sendmail: {} in {}", figure(waiting), printable(queue_directory))};
}

}  // namespace optimilter
