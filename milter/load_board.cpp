// SPDX-License-Identifier: Apache-2.0
#include "milter/load_board.hpp"

#include <algorithm>

namespace optimilter {

namespace {

// Of a list that is not empty; its order is lost.
double p95_of(std::vector<float>& values) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) * 95 / 100);
    std::nth_element(values.begin(), place, values.end());
    return *place;
}

}  // namespace

LoadLimits LoadBoard::limits() const {
    const std::lock_guard lock(mutex_);
    return limits_;
}

void LoadBoard::finished(double took_ms, bool missed_deadline, SteadyClock::time_point now) {
    const Finished one{now, static_cast<float>(took_ms), missed_deadline};
    const std::lock_guard lock(mutex_);
    ++fresh_;
    if (finished_.size() < kMost) {
        finished_.push_back(one);
        return;
    }
    finished_[newest_] = one;
    newest_ = (newest_ + 1) % kMost;
}

void LoadBoard::stressed(SteadyClock::time_point now) {
    const std::lock_guard lock(mutex_);
    stressed_at_ = now;
}

LoadBoard::Seen LoadBoard::look(SteadyClock::time_point now) {
    Seen seen;
    std::vector<float> times;
    std::size_t missed = 0;
    {
        const std::lock_guard lock(mutex_);
        for (const Finished& one : finished_) {
            if (now - one.at > kWindow) continue;
            times.push_back(one.took_ms);
            missed += one.missed_deadline;
        }
        seen.finished = fresh_;
        fresh_ = 0;
        seen.stress = stressed_at_ && now - *stressed_at_ <= kWindow;
    }
    if (times.empty()) return seen;
    seen.deadlines_missed = static_cast<double>(missed) / static_cast<double>(times.size());
    seen.eom_p95_ms = p95_of(times);
    return seen;
}

void LoadBoard::publish(const LoadLimits& limits) {
    const std::lock_guard lock(mutex_);
    if (limits.level != limits_.level) {
        finished_.clear();
        newest_ = 0;
    }
    limits_ = limits;
}

}  // namespace optimilter
