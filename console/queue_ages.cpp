// SPDX-License-Identifier: Apache-2.0
#include "console/queue_ages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace optimilter {

namespace {

std::int64_t ms_of(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

std::int64_t clock_ms(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return ms_of(time);
}

}  // namespace

QueueClock QueueClock::now() {
    return {clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_MONOTONIC)};
}

void QueueAges::begin(const QueueClock& now) {
    std::swap(before_, current_);
    current_.clear();
    listed_ms_ = all_known_ ? now_.monotonic_ms : kNever;
    now_ = now;
    messages_ = 0;
    tried_ = 0;
    oldest_since_ms_ = kNever;
    looks_ = 0;
    all_known_ = true;
}

void QueueAges::see(const char* name, int folder, const TriedBefore& tried_before) {
    const std::uint64_t key = QueueNameTable::key_of(name);
    if (const std::int64_t since_ms = before_.find(key); since_ms != kNever) return note(key, since_ms);
    if (tried_before && tried_before(key)) return note(key, kTried);
    if (looks_ < kMostLooks) return look(key, name, folder);
    ++messages_;
    all_known_ = false;
}

void QueueAges::end(bool whole) {
    all_known_ = all_known_ && whole;
}

void QueueAges::look(std::uint64_t key, const char* name, int folder) {
    ++looks_;
    struct stat file {};
    if (::fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return;  // it has left meanwhile
        ++messages_;
        all_known_ = false;
        return;
    }
    if (!S_ISREG(file.st_mode)) return;
    if (ready_only_ && (file.st_mode & S_IXUSR) == 0) return;
    const std::int64_t age_ms = std::max<std::int64_t>(0, now_.wall_ms - ms_of(file.st_ctim));
    note(key, std::max(now_.monotonic_ms - age_ms, listed_ms_));
}

void QueueAges::note(std::uint64_t key, std::int64_t since_ms) {
    if (!current_.put(key, since_ms)) all_known_ = false;
    if (since_ms == kTried) {
        ++tried_;
        return;
    }
    ++messages_;
    if (oldest_since_ms_ == kNever || since_ms < oldest_since_ms_) oldest_since_ms_ = since_ms;
}

std::int64_t QueueAges::oldest_ms() const {
    return oldest_since_ms_ == kNever ? 0 : now_.monotonic_ms - oldest_since_ms_;
}

}  // namespace optimilter
