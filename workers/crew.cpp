// SPDX-License-Identifier: Apache-2.0
#include "workers/crew.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "workers/sandbox_steps.hpp"

namespace optimilter {

namespace {

PoolSettings bounded(PoolSettings settings) {
    settings.workers = std::max(settings.workers, 1u);
    settings.spares = std::max(settings.spares, 1u);
    settings.messages_per_worker = std::max(settings.messages_per_worker, 1u);
    return settings;
}

}  // namespace

Crew::Crew(const PoolSettings& settings, Counters& counters)
    : settings_(bounded(settings)), counters_(counters), crash_memory_(settings.crash_memory) {}

Crew::~Crew() {
    stop();
}

Status Crew::start() {
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return Error{ErrorCode::kIo, std::string("eventfd: ") + std::strerror(errno)};
    tender_ = std::thread([this] { tend(); });
    Lock lock(mutex_);
    const bool told =
        workers_changed_.wait_until(lock, Deadline::in_ms(2 * std::int64_t{settings_.answer_ms}).at(),
                                    [this] { return !idle_.empty() || !down_reason_.empty(); });
    if (!told) return Error{ErrorCode::kWorkerDied, "no worker was ready in time"};
    if (!idle_.empty()) return Success{};
    return Error{ErrorCode::kWorkerDied, down_reason_};
}

void Crew::stop() {
    {
        const Lock lock(mutex_);
        stopping_ = true;
    }
    workers_changed_.notify_all();
    exits_changed_.notify_all();
    wake_tender();
    if (tender_.joinable()) tender_.join();
}

void Crew::wake_tender() const {
    const std::uint64_t one = 1;
    if (wake_ && ::write(wake_.get(), &one, sizeof(one)) < 0) return;  // full: it is awake already
}

bool Crew::may_take(bool needs_place) const {
    return !idle_.empty() && (!needs_place || busy_ < settings_.workers);
}

Result<WorkerPtr> Crew::take(Lock& lock, Deadline deadline, bool needs_place) {
    ++waiting_;
    if (idle_.empty()) wake_tender();
    // time_point::max() overflows inside some condition variables.
    const auto until = deadline.earlier(Deadline::in_ms(24 * 3600 * 1000)).at();
    const bool told = workers_changed_.wait_until(lock, until, [&] {
        return stopping_ || may_take(needs_place) || (idle_.empty() && !down_reason_.empty());
    });
    --waiting_;
    if (stopping_) return Error{ErrorCode::kRefused, "shutting down"};
    if (!told) return Error{ErrorCode::kLimit, "all workers busy"};
    if (!may_take(needs_place)) return Error{ErrorCode::kWorkerDied, "no workers: " + down_reason_};
    WorkerPtr worker = std::move(idle_.front());
    idle_.pop_front();
    if (needs_place) ++busy_;
    wake_tender();
    return worker;
}

Result<WorkerPtr> Crew::enter(Deadline deadline) {
    Lock lock(mutex_);
    return take(lock, deadline, true);
}

Result<WorkerPtr> Crew::replace(Deadline deadline) {
    Lock lock(mutex_);
    return take(lock, deadline, false);
}

void Crew::end_worker(const WorkerPtr& worker) {
    worker->expected_end = true;
    worker->kill();
}

void Crew::leave(WorkerPtr worker, bool reusable) {
    {
        const Lock lock(mutex_);
        --busy_;
        if (worker) {
            ++worker->messages_served;
            const bool keep = reusable && !stopping_ && !worker->lost && !worker->exit &&
                              worker->messages_served < settings_.messages_per_worker;
            if (keep) idle_.push_front(std::move(worker));
            if (!keep) end_worker(worker);
        }
    }
    // All: who waits for a place and who waits for a worker wait on the same condition.
    workers_changed_.notify_all();
    wake_tender();
}

void Crew::retire(const WorkerPtr& worker) {
    const Lock lock(mutex_);
    end_worker(worker);
}

std::optional<WorkerExit> Crew::await_exit(const WorkerPtr& worker, Deadline deadline) {
    Lock lock(mutex_);
    const auto until = deadline.earlier(Deadline::in_ms(24 * 3600 * 1000)).at();
    exits_changed_.wait_until(lock, until, [&] { return stopping_ || worker->lost || worker->exit; });
    return worker->exit;
}

bool Crew::lost(const WorkerPtr& worker) {
    const Lock lock(mutex_);
    return worker->lost;
}

double Crew::overhead_cpu_ms() {
    const Lock lock(mutex_);
    std::uint64_t all_us = reaped_cpu_us_ + zygotes_cpu_us_ + (zygote_ ? zygote_->cpu_us() : 0);
    for (const auto& [pid, worker] : unreaped_) all_us += worker->cpu_us().value_or(0);
    const std::uint64_t jobs_us = job_cpu_us_;
    // A worker that has ended counts for nothing until the zygote tells what it used: the sum must not fall
    // meanwhile.
    if (all_us > jobs_us) overhead_us_ = std::max(overhead_us_, all_us - jobs_us);
    return static_cast<double>(overhead_us_) / 1e3;
}

std::uint32_t Crew::missing_steps() {
    const Lock lock(mutex_);
    return missing_steps_;
}

PoolState Crew::state() const {
    PoolState state;
    const Lock lock(mutex_);
    state.workers_limit = settings_.workers;
    state.workers_busy = busy_;
    state.workers_idle = static_cast<std::uint32_t>(idle_.size());
    state.workers_warming = warming_count_;
    state.waiting = waiting_;
    if (zygote_) {
        state.zygote_pid = zygote_->pid();
        state.zygote_since = zygote_since_;
    }
    state.down_reason = down_reason_;
    state.missing_steps = sandbox_step_names(missing_steps_);
    return state;
}

}  // namespace optimilter
