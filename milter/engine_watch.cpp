// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_watch.hpp"

#include <fmt/format.h>

namespace optimilter {

namespace {

constexpr std::int64_t kSampleEvery = 10;

}  // namespace

void EngineWatch::look(const EngineFigures& figures) {
    remember(figures);
    look_at_workers(figures);
    look_at_expiries(figures);
}

// Of the samples that have left the window the newest stays: the count is then never of less than the window.
void EngineWatch::remember(const EngineFigures& figures) {
    if (samples_.empty() || figures.steady_s - samples_.back().at >= kSampleEvery)
        samples_.push_back({figures.steady_s, figures.workers_died, figures.workers_started});
    while (samples_.size() > 1 && figures.steady_s - samples_[1].at >= kCrashWindow) samples_.pop_front();
    if (figures.down_reason.empty())
        down_since_.reset();
    else if (!down_since_)
        down_since_ = figures.steady_s;
}

std::string EngineWatch::trouble_of_workers(const EngineFigures& figures) {
    if (down_since_ && figures.steady_s - *down_since_ >= kDownPatience)
        return fmt::format("workers cannot be started: {}; attachments pass unchanged", figures.down_reason);
    const std::uint64_t died = figures.workers_died - samples_.front().died;
    const std::uint64_t wanted = board_.raised(AlertKind::kWorkers) ? 1 : kCrashes;
    if (died < wanted) return {};
    return fmt::format("{} of {} workers crashed within {} minutes; the files they worked on pass unchanged",
                       died, figures.workers_started - samples_.front().started, kCrashWindow / 60);
}

void EngineWatch::look_at_workers(const EngineFigures& figures) {
    const std::string trouble = trouble_of_workers(figures);
    if (!trouble.empty()) return board_.raise(AlertKind::kWorkers, trouble);
    board_.clear(AlertKind::kWorkers,
                 fmt::format("no worker crashed within the last {} minutes", kCrashWindow / 60));
}

void EngineWatch::look_at_expiries(const EngineFigures& figures) {
    bool past = false;
    for (const Expiry& expiry : figures.expiries)
        past = past || expiry_state(expiry.at, figures.wall_s) == ExpiryState::kPast;
    const std::string told = describe_expiries(figures.expiries, figures.wall_s);
    if (told.empty()) return board_.clear(AlertKind::kValidUntil, "every policy is valid for long enough");
    board_.raise(AlertKind::kValidUntil,
                 past ? told + ": mail passes untouched where it was to be used" : told);
}

}  // namespace optimilter
