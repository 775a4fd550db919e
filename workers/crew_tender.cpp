// SPDX-License-Identifier: Apache-2.0
//
// The tending thread of a crew. It alone talks to the zygote and to workers that are still warming up.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.hpp"
#include "workers/crew.hpp"
#include "workers/record_socket.hpp"
#include "workers/sandbox_steps.hpp"

namespace optimilter {

namespace {

constexpr int kGoodbyeMs = 1000;
// A thread that waits for longer could not be told from one that hangs (PoolState::last_round).
constexpr std::int64_t kLongestWaitMs = 1000;
// A zygote that died younger than this counts as a failed start.
constexpr auto kZygoteProves = std::chrono::seconds(10);
constexpr std::uint32_t kMostDoublings = 7;  // 100 ms .. 12.8 s

SteadyClock::duration restart_delay(std::uint32_t failed_starts) {
    return std::chrono::milliseconds(100) * (1 << std::min(failed_starts - 1, kMostDoublings));
}

}  // namespace

void Crew::tend() {
    while (!stopping_) {
        keep_zygote();
        keep_spares();
        tell_warming();
        wait_for_news();
        hear_zygote();
        hear_warming();
        end_overdue();
    }
    close_down();
}

void Crew::note_failed_start(const std::string& why) {
    ++failed_starts_;
    not_before_ = SteadyClock::now() + restart_delay(failed_starts_);
    log_error("workers: {}; next try in {} ms", why,
              std::chrono::duration_cast<std::chrono::milliseconds>(restart_delay(failed_starts_)).count());
    {
        const Lock lock(mutex_);
        down_reason_ = why;
        tell_waiters();
    }
    first_worker_.notify_all();
}

void Crew::keep_zygote() {
    if (zygote_ || SteadyClock::now() < not_before_) return;
    auto started = ZygoteLink::start(settings_);
    if (!started) return note_failed_start(started.error().text);
    answer_due_ = Deadline::in_ms(settings_.answer_ms);
    zygote_ready_ = false;
    const Lock lock(mutex_);
    zygote_since_ = SteadyClock::now();
    zygote_ = std::move(*started);
}

void Crew::keep_spares() {
    if (!zygote_ready_ || SteadyClock::now() < not_before_) return;
    std::size_t wanted = settings_.spares;
    std::size_t present = warming_.size() + forks_asked_;
    {
        const Lock lock(mutex_);
        wanted = std::max<std::size_t>(wanted, std::min(waiting(), settings_.workers));
        present += idle_.size();
    }
    for (; present < wanted; ++present) {
        if (const Status asked = zygote_->request_fork(); !asked.has_value())
            return lose_zygote(asked.error().text);
        if (forks_asked_++ == 0) answer_due_ = Deadline::in_ms(settings_.answer_ms);
    }
}

void Crew::tell_warming() {
    const auto given_up = std::count_if(warming_.begin(), warming_.end(),
                                        [](const Warming& warming) { return warming.given_up; });
    const Lock lock(mutex_);
    warming_count_ =
        forks_asked_ + static_cast<std::uint32_t>(warming_.size()) - static_cast<std::uint32_t>(given_up);
    last_round_ = SteadyClock::now();
}

int Crew::next_look_ms() const {
    Deadline next = Deadline::in_ms(kLongestWaitMs);
    if (not_before_ > SteadyClock::now()) next = next.earlier(Deadline(not_before_));
    if (zygote_ && (!zygote_ready_ || forks_asked_ > 0)) next = next.earlier(answer_due_);
    for (const Warming& warming : warming_) {
        if (!warming.given_up) next = next.earlier(warming.until);
    }
    return static_cast<int>(next.remaining_ms()) + 1;
}

void Crew::wait_for_news() {
    std::vector<pollfd> watched{{wake_.get(), POLLIN, 0}};
    if (zygote_) watched.push_back({zygote_->socket(), POLLIN, 0});
    for (const Warming& warming : warming_) {
        if (!warming.given_up) watched.push_back({warming.worker->socket(), POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), next_look_ms());
    std::uint64_t woken = 0;
    if ((watched[0].revents & POLLIN) != 0 && ::read(wake_.get(), &woken, sizeof(woken)) < 0) return;
}

void Crew::hear_zygote() {
    while (zygote_) {
        auto event = zygote_->next_event();
        if (event) {
            hear_event(std::move(*event));
        } else if (event.error().code == ErrorCode::kDeadline) {
            return;
        } else {
            lose_zygote(event.error().text);
        }
    }
}

void Crew::hear_event(ZygoteEvent event) {
    answer_due_ = Deadline::in_ms(settings_.answer_ms);
    switch (event.record.word) {
        case ZygoteWord::kReady: {
            zygote_ready_ = true;
            const Lock lock(mutex_);
            missing_steps_ = event.record.missing_steps;
            fingerprint_ = event.record.fingerprint;
            return;
        }
        case ZygoteWord::kForked:
            return hear_forked(std::move(event));
        case ZygoteWord::kReaped:
            return hear_reaped(event.record);
        case ZygoteWord::kForkFailed:
            forks_asked_ -= std::min(forks_asked_, 1u);
            return note_failed_start(fmt::format("no new worker: error {}", event.record.status));
        case ZygoteWord::kFork:
        case ZygoteWord::kWorkerReady:
            return lose_zygote("zygote broke the protocol");
    }
}

void Crew::hear_forked(ZygoteEvent event) {
    if (forks_asked_ == 0) return lose_zygote("zygote forked unasked");
    --forks_asked_;
    const auto pid = static_cast<pid_t>(event.record.pid);
    auto worker =
        std::make_shared<WorkerProcess>(pid, std::move(event.worker_socket), std::move(event.worker_pidfd));
    warming_.push_back({worker, Deadline::in_ms(settings_.answer_ms), false, false});
    counters_.add(Counter::kWorkersStarted);
    const Lock lock(mutex_);
    unreaped_[pid] = std::move(worker);
}

void Crew::hear_reaped(const ZygoteRecord& record) {
    WorkerPtr worker;
    bool was_idle = false;
    {
        const Lock lock(mutex_);
        const auto found = unreaped_.find(static_cast<pid_t>(record.pid));
        if (found == unreaped_.end()) return;
        worker = found->second;
        unreaped_.erase(found);
        reaped_cpu_us_ += record.cpu_us;
        worker->exit = WorkerExit{record.status, record.cpu_us};
        was_idle = std::erase(idle_, worker) > 0;
    }
    exits_changed_.notify_all();
    const std::string how = wait_status_text(record.status);
    const bool was_warming =
        std::erase_if(warming_, [&](const Warming& w) { return w.worker == worker; }) > 0;
    if (was_warming) note_failed_start(fmt::format("a new worker was {}", how));
    if (was_idle) log_warning("worker[{}]: ended while idle: {}", record.pid, how);
}

void Crew::hear_warming() {
    for (Warming& warming : warming_) {
        if (warming.given_up || warming.worker->line() == WorkerProcess::Line::kSilent) continue;
        // One that closed its socket or babbles stays on the list, unheard, until its end is reported.
        if (!hear_ready(warming)) {
            warming.given_up = true;
            warming.worker->kill();
        }
    }
    std::erase_if(warming_, [](const Warming& warming) { return warming.ready; });
}

bool Crew::hear_ready(Warming& warming) {
    const auto received = receive_record(warming.worker->socket(), kZygoteRecordBytes, false);
    if (!received || !received->fds.empty() || received->fds_lost) return false;
    const auto record = parse_zygote_record(received->bytes);
    if (!record || record->word != ZygoteWord::kWorkerReady) return false;
    warming.ready = true;
    failed_starts_ = 0;
    {
        const Lock lock(mutex_);
        missing_steps_ |= record->missing_steps;
        down_reason_.clear();
        idle_.push_back(warming.worker);
        --warming_count_;
        serve_waiters();
    }
    first_worker_.notify_all();
    log_missing_steps();
    return true;
}

void Crew::log_missing_steps() {
    if (std::exchange(missing_steps_logged_, true)) return;
    for (const std::string& step : sandbox_step_names(missing_steps())) {
        log_warning("worker sandbox: this system lacks: {}", step);
    }
}

void Crew::end_overdue() {
    for (Warming& warming : warming_) {
        if (warming.given_up || !warming.until.expired()) continue;
        warming.given_up = true;
        warming.worker->kill();
    }
    const bool owes = zygote_ && (!zygote_ready_ || forks_asked_ > 0);
    if (owes && answer_due_.expired()) lose_zygote("zygote does not answer");
}

void Crew::lose_zygote(const std::string& why) {
    if (!zygote_) return;
    std::unique_ptr<ZygoteLink> zygote;
    {
        // Taken away first: who asks for the state must not meet a process that is waited for.
        const Lock lock(mutex_);
        zygotes_cpu_us_ += zygote_->cpu_us();
        zygote = std::move(zygote_);
    }
    const std::string how = zygote->end(stopping_ ? kGoodbyeMs : 50);
    warming_.clear();
    forks_asked_ = 0;
    zygote_ready_ = false;
    {
        const Lock lock(mutex_);
        warming_count_ = 0;
        idle_.clear();
        // They die with the zygote; killed all the same, in case one was stopped before it could set that up.
        for (auto& [pid, worker] : unreaped_) {
            worker->lost = true;
            worker->kill();
        }
        unreaped_.clear();
    }
    exits_changed_.notify_all();
    if (stopping_) return;
    if (SteadyClock::now() - zygote_since_ < kZygoteProves)
        return note_failed_start(fmt::format("zygote ended ({}; {})", how, why));
    not_before_ = SteadyClock::now();
    log_error("workers: zygote ended ({}; {}); restarting it", how, why);
}

void Crew::close_down() {
    lose_zygote("shutting down");
}

}  // namespace optimilter
