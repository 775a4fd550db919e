// SPDX-License-Identifier: Apache-2.0
#include "console/queue_ages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <utility>

namespace optimilter {

namespace {

constexpr std::size_t kFewestSlots = 256;

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
    oldest_since_ms_ = kNever;
    looks_ = 0;
    all_known_ = true;
}

void QueueAges::see(const char* name, int folder) {
    const std::uint64_t key = std::hash<std::string_view>()(name) | 1;
    if (const std::int64_t since_ms = before_.find(key); since_ms != kNever) return note(key, since_ms);
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
    ++messages_;
    if (!current_.put(key, since_ms)) all_known_ = false;
    if (oldest_since_ms_ == kNever || since_ms < oldest_since_ms_) oldest_since_ms_ = since_ms;
}

std::int64_t QueueAges::oldest_ms() const {
    return oldest_since_ms_ == kNever ? 0 : now_.monotonic_ms - oldest_since_ms_;
}

// ---- Table ------------------------------------------------------------------------------------------------

// Where the key is, or the free slot where it belongs.
std::size_t QueueAges::Table::place_of(std::uint64_t key) const {
    std::size_t place = key >> 1 & (slots_.size() - 1);
    while (slots_[place].key != 0 && slots_[place].key != key) place = (place + 1) & (slots_.size() - 1);
    return place;
}

std::int64_t QueueAges::Table::find(std::uint64_t key) const {
    if (slots_.empty()) return kNever;
    const Slot& slot = slots_[place_of(key)];
    return slot.key == 0 ? kNever : slot.since_ms;
}

bool QueueAges::Table::put(std::uint64_t key, std::int64_t since_ms) {
    if (2 * used_ >= slots_.size()) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == key) return true;
    if (used_ == kMostRemembered) return false;
    slot = {key, since_ms};
    ++used_;
    return true;
}

// Keeps its room for the next listing, unless that was a small part of it.
void QueueAges::Table::clear() {
    const std::size_t wanted = 16 * used_ < slots_.size() ? slots_.size() / 4 : slots_.size();
    slots_.assign(std::max(wanted, kFewestSlots), {});
    slots_.shrink_to_fit();
    used_ = 0;
}

void QueueAges::Table::grow() {
    if (used_ == kMostRemembered) return;
    std::vector<Slot> old(std::max(2 * slots_.size(), kFewestSlots));
    std::swap(old, slots_);
    for (const Slot& slot : old)
        if (slot.key != 0) slots_[place_of(slot.key)] = slot;
}

}  // namespace optimilter
