// SPDX-License-Identifier: Apache-2.0
#include "workers/crew.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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
    : settings_(bounded(settings)),
      counters_(counters),
      crash_memory_(settings.crash_memory),
      forecast_(settings_.workers),
      busy_time_(settings_.workers, SteadyClock::now()) {}

Crew::~Crew() {
    stop();
}

Status Crew::start() {
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return Error{ErrorCode::kIo, std::string("eventfd: ") + std::strerror(errno)};
    tender_ = std::thread([this] { tend(); });
    Lock lock(mutex_);
    const bool told =
        first_worker_.wait_until(lock, Deadline::in_ms(2 * std::int64_t{settings_.answer_ms}).at(),
                                 [this] { return !idle_.empty() || !down_reason_.empty(); });
    if (!told) return Error{ErrorCode::kWorkerDied, "no worker was ready in time"};
    if (!idle_.empty()) return Success{};
    return Error{ErrorCode::kWorkerDied, down_reason_};
}

void Crew::stop() {
    {
        const Lock lock(mutex_);
        stopping_ = true;
        tell_waiters();
    }
    first_worker_.notify_all();
    exits_changed_.notify_all();
    wake_tender();
    if (tender_.joinable()) tender_.join();
}

void Crew::wake_tender() const {
    const std::uint64_t one = 1;
    if (wake_ && ::write(wake_.get(), &one, sizeof(one)) < 0) return;  // full: it is awake already
}

std::uint32_t Crew::waiting() const {
    return static_cast<std::uint32_t>(queue_.size() + replacing_.size());
}

// Hands idle workers to who waits, in order. A place held already comes first: its message blocks others.
void Crew::serve_waiters() {
    while (!idle_.empty()) {
        const bool place_free = !queue_.empty() && busy_ < settings_.workers;
        if (replacing_.empty() && !place_free) return;
        Queue& queue = replacing_.empty() ? queue_ : replacing_;
        if (&queue == &queue_) set_busy(busy_ + 1);
        Waiter& first = *queue.front();
        queue.pop_front();
        first.worker = std::move(idle_.front());
        idle_.pop_front();
        first.told.notify_one();
    }
}

// The reasons not to wait have changed.
void Crew::tell_waiters() {
    for (Waiter* waiter : queue_) waiter->told.notify_one();
    for (Waiter* waiter : replacing_) waiter->told.notify_one();
}

Result<WorkerPtr> Crew::take(Lock& lock, Queue& queue, Deadline until) {
    Waiter waiter;
    queue.push_back(&waiter);
    serve_waiters();
    wake_tender();
    // time_point::max() overflows inside some condition variables.
    waiter.told.wait_until(lock, until.earlier(Deadline::in_ms(24 * 3600 * 1000)).at(), [&] {
        return waiter.worker || stopping_ || (idle_.empty() && !down_reason_.empty());
    });
    if (waiter.worker) return std::move(waiter.worker);
    std::erase(queue, &waiter);
    if (stopping_) return Error{ErrorCode::kRefused, "shutting down"};
    if (idle_.empty() && !down_reason_.empty())
        return Error{ErrorCode::kWorkerDied, "no workers: " + down_reason_};
    return Error{ErrorCode::kLimit, "all workers busy"};
}

Status Crew::admits(Deadline deadline) {
    const Lock lock(mutex_);
    Status admitted = admit(deadline);
    if (!admitted) note_refusal();
    return admitted;
}

Status Crew::admit(Deadline deadline) const {
    if (stopping_) return Error{ErrorCode::kRefused, "shutting down"};
    const auto ahead = static_cast<std::uint32_t>(queue_.size());
    const std::uint32_t free_places = settings_.workers - busy_;
    if (deadline.expired()) return Error{ErrorCode::kLimit, "deadline"};
    if (!forecast_.in_time(deadline.remaining_ms(), ahead, free_places))
        return Error{ErrorCode::kLimit, "no worker free in time"};
    if (ahead >= free_places && ahead - free_places >= settings_.waiting)
        return Error{ErrorCode::kLimit, "too many messages wait for a worker"};
    return Success{};
}

Result<WorkerPtr> Crew::enter(Deadline deadline) {
    Lock lock(mutex_);
    if (const Status admitted = admit(deadline); !admitted) {
        note_refusal();
        return admitted.error();
    }
    const Stopwatch watch;
    auto worker = take(lock, queue_, Deadline::in_ms(forecast_.patience_ms(deadline.remaining_ms())));
    waits_.observe(watch.elapsed_ms());
    return worker;
}

// The wait it was spared is as good a measure as one that was endured.
void Crew::note_refusal() {
    ++refused_;
    waits_.observe(
        forecast_.expected_wait_ms(static_cast<std::uint32_t>(queue_.size()), settings_.workers - busy_));
}

void Crew::set_busy(std::uint32_t busy) {
    busy_ = busy;
    busy_time_.change(busy, SteadyClock::now());
}

PoolLoad Crew::load() {
    const Lock lock(mutex_);
    std::optional<double> waiting_ms;
    if (!queue_.empty()) waiting_ms = queue_.front()->waits.elapsed_ms();
    const BusyWindow::Use use = busy_time_.close(SteadyClock::now());
    const double service_ms = service_.observe(use.ms, std::exchange(left_, 0), busy_);
    const auto waiting = static_cast<double>(queue_.size() + std::exchange(refused_, 0));
    return {waits_.close(waiting_ms), waiting * service_ms / settings_.workers, use.share};
}

Result<WorkerPtr> Crew::replace(Deadline deadline) {
    Lock lock(mutex_);
    return take(lock, replacing_, deadline);
}

void Crew::end_worker(const WorkerPtr& worker) {
    worker->expected_end = true;
    worker->kill();
}

void Crew::leave(WorkerPtr worker, bool reusable, double held_ms) {
    {
        const Lock lock(mutex_);
        set_busy(busy_ - 1);
        ++left_;
        forecast_.observe(held_ms);
        if (worker) {
            ++worker->messages_served;
            const bool keep = reusable && !stopping_ && !worker->lost && !worker->exit &&
                              worker->messages_served < settings_.messages_per_worker;
            if (keep) idle_.push_front(std::move(worker));
            if (!keep) end_worker(worker);
        }
        serve_waiters();
    }
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

std::uint32_t Crew::fingerprint() const {
    const Lock lock(mutex_);
    return fingerprint_;
}

PoolState Crew::state() const {
    PoolState state;
    const Lock lock(mutex_);
    state.workers_limit = settings_.workers;
    state.workers_busy = busy_;
    state.workers_idle = static_cast<std::uint32_t>(idle_.size());
    state.workers_warming = warming_count_;
    state.waiting = waiting();
    state.service_ms = forecast_.service_ms();
    if (zygote_) {
        state.zygote_pid = zygote_->pid();
        state.zygote_since = zygote_since_;
    }
    state.down_reason = down_reason_;
    state.missing_steps = sandbox_step_names(missing_steps_);
    state.last_round = last_round_;
    state.limits = settings_.limits;
    return state;
}

}  // namespace optimilter
