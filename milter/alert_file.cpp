// SPDX-License-Identifier: Apache-2.0
#include "milter/alert_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/log.hpp"
#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kHour = 3600;

Status write_file(const std::string& path, const std::string& text) {
    const UniqueFd file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640));
    if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
        return Success{};
    return Error{ErrorCode::kIo, fmt::format("{}: {}", printable(path), std::strerror(errno))};
}

// Nothing when there is no mark. One that cannot be understood is one of an engine all the same.
std::optional<EngineLosses> read_mark(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file) return std::nullopt;
    char text[128] = {};
    EngineLosses mark;
    if (::read(file.get(), text, sizeof text - 1) > 0) {
        long long pid = 0, first = 0;
        unsigned count = 0;
        if (std::sscanf(text, "%lld %u %lld", &pid, &count, &first) == 3)
            mark = {std::min(count, 1'000'000u), first, pid};
    }
    return mark;
}

}  // namespace

Status touch_alert_file(const std::string& path) {
    if (path.empty()) return Success{};
    return write_file(path, fmt::format("{}\n", static_cast<std::int64_t>(std::time(nullptr))));
}

void AlertFile::changed() {
    {
        const std::lock_guard lock(mutex_);
        waits_ = true;
    }
    flush();
}

void AlertFile::flush() {
    const std::lock_guard lock(mutex_);
    if (!waits_ || !may_.expired()) return;
    waits_ = false;
    may_ = Deadline::in_ms(every_ms_);
    // Without it optimilter-recover finds out at its next look.
    if (const Status touched = touch_alert_file(path_); !touched)
        log_info("alerts: {}", touched.error().text);
}

LifeMark::LifeMark(const std::string& alert_file)
    : path_(alert_file.empty() ? "" : alert_file + ".running") {}

std::optional<EngineLosses> LifeMark::begin(std::int64_t pid, std::int64_t now) const {
    if (path_.empty()) return std::nullopt;
    std::optional<EngineLosses> losses = read_mark(path_);
    if (losses) {
        const bool recent = losses->count > 0 && losses->first <= now && now - losses->first < kHour;
        *losses = {recent ? losses->count + 1 : 1, recent ? losses->first : now, losses->last_pid};
    }
    const EngineLosses kept = losses.value_or(EngineLosses{});
    // Without a mark the next start says nothing of a crash: no reason not to work.
    (void)write_file(path_, fmt::format("{} {} {}\n", pid, kept.count, kept.first));
    return losses;
}

void LifeMark::end() const {
    if (!path_.empty()) ::unlink(path_.c_str());
}

std::string describe_losses(const EngineLosses& losses) {
    const std::string which =
        losses.last_pid == 0 ? "the engine" : fmt::format("the engine (pid {})", losses.last_pid);
    std::string text = which + " ended without being asked to, and was started again";
    if (losses.count > 1) {
        char since[32] = "";
        std::tm parts{};
        const std::time_t first = losses.first;
        if (::gmtime_r(&first, &parts) != nullptr) std::strftime(since, sizeof since, "%H:%M UTC", &parts);
        text += fmt::format("; that is {} times since {}", losses.count, since);
    }
    return text;
}

}  // namespace optimilter
