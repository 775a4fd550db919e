// SPDX-License-Identifier: Apache-2.0
//
// All workers of one pool and the one thread that tends them: it keeps the zygote running (restarted with a
// growing delay), keeps spares warm, and hears how workers ended. Knows no job record. Thread safe; a
// WorkerProcess that was handed out belongs to its lease until it comes back.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/result.hpp"
#include "workers/busy_window.hpp"
#include "workers/crash_memory.hpp"
#include "workers/pool.hpp"
#include "workers/queue_forecast.hpp"
#include "workers/service_mean.hpp"
#include "workers/wait_window.hpp"
#include "workers/worker_process.hpp"
#include "workers/zygote_link.hpp"

namespace optimilter {

using WorkerPtr = std::shared_ptr<WorkerProcess>;

class Crew {
  public:
    Crew(const PoolSettings& settings, Counters& counters);
    ~Crew();
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    // Starts the tending thread and waits for the first warm worker. kWorkerDied or kIo with the reason.
    Status start();
    // Ends all workers, those handed out too, and the zygote. Whoever waits is refused.
    void stop();

    // Takes one of the places at work and a worker for it, in the order of asking. kLimit at once when the
    // forecast or the queue's bound says so, and "all workers busy" when waiting longer is of no use;
    // kWorkerDied at once while workers cannot be started, kRefused after stop().
    Result<WorkerPtr> enter(Deadline deadline);
    // What enter() would refuse at once.
    Status admits(Deadline deadline);
    // Another worker for a place held already, after the first one ended. Goes before all who have no place.
    Result<WorkerPtr> replace(Deadline deadline);
    // Gives the place back. reusable: the worker kept the rules and may serve another message; else it is
    // ended. held_ms: how long the place was taken.
    void leave(WorkerPtr worker, bool reusable, double held_ms);
    // Ends a worker and gives up on it, keeping the place.
    void retire(const WorkerPtr& worker);

    // How a worker that has ended did so. Empty: nobody can tell, because its zygote is gone, or the deadline
    // came first.
    std::optional<WorkerExit> await_exit(const WorkerPtr& worker, Deadline deadline);
    bool lost(const WorkerPtr& worker);
    bool stopping() const { return stopping_.load(); }

    // CPU that a JobResult tells of, so that the rest is overhead.
    void count_job_cpu(std::uint64_t cpu_us) { job_cpu_us_ += cpu_us; }
    double overhead_cpu_ms();
    std::uint32_t missing_steps();
    std::uint32_t fingerprint() const;
    PoolState state() const;
    // As Pool::load().
    PoolLoad load();

    Counters& counters() { return counters_; }
    CrashMemory& crash_memory() { return crash_memory_; }

  private:
    using Lock = std::unique_lock<std::mutex>;

    // --- any thread
    // One who waits, on its own stack.
    struct Waiter {
        std::condition_variable told;
        WorkerPtr worker;
        Stopwatch waits;
    };
    using Queue = std::deque<Waiter*>;
    Status admit(Deadline deadline) const;
    Result<WorkerPtr> take(Lock& lock, Queue& queue, Deadline until);
    void serve_waiters();
    void set_busy(std::uint32_t busy);
    void tell_waiters();
    std::uint32_t waiting() const;
    void note_refusal();
    void end_worker(const WorkerPtr& worker);
    void wake_tender() const;

    // --- the tending thread (crew_tender.cpp)
    struct Warming {
        WorkerPtr worker;
        Deadline until;
        bool ready;     // has said so
        bool given_up;  // killed; its end is still to be told
    };
    void tend();
    void keep_zygote();
    void keep_spares();
    void tell_warming();
    void wait_for_news();
    int next_look_ms() const;
    void hear_zygote();
    void hear_event(ZygoteEvent event);
    void hear_forked(ZygoteEvent event);
    void hear_reaped(const ZygoteRecord& record);
    void hear_warming();
    bool hear_ready(Warming& warming);
    void end_overdue();
    void lose_zygote(const std::string& why);
    void note_failed_start(const std::string& why);
    void log_missing_steps();
    void close_down();

    const PoolSettings settings_;
    Counters& counters_;
    CrashMemory crash_memory_;
    UniqueFd wake_;
    std::thread tender_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> job_cpu_us_{0};
    std::uint64_t overhead_us_ = 0;  // the most that was told so far; under mutex_

    mutable std::mutex mutex_;
    std::condition_variable first_worker_;   // idle_, down_reason_; for start()
    std::condition_variable exits_changed_;  // exit or lost of a worker, stopping_
    // All below guarded by mutex_.
    std::deque<WorkerPtr> idle_;
    std::map<pid_t, WorkerPtr> unreaped_;
    std::uint32_t busy_ = 0;
    QueueForecast forecast_;
    WaitWindow waits_;                 // of queue_ alone
    BusyWindow busy_time_;             // of busy_
    ServiceMean service_;              // for load(); forecast_ looks back further
    std::uint32_t left_ = 0;           // places given back, since load() was last called
    std::uint32_t refused_ = 0;        // at once, since then
    Queue queue_;                      // for a place and a worker
    Queue replacing_;                  // for a worker, place held
    std::uint32_t warming_count_ = 0;  // of warming_ and forks_asked_, as last told
    std::string down_reason_;          // not empty: workers cannot be started at present, and why
    std::uint64_t reaped_cpu_us_ = 0;
    std::uint64_t zygotes_cpu_us_ = 0;  // of those that ended
    std::uint32_t missing_steps_ = 0;
    std::uint32_t fingerprint_ = 0;  // of the worker program and its libraries
    std::unique_ptr<ZygoteLink> zygote_;
    SteadyClock::time_point zygote_since_{};
    SteadyClock::time_point last_round_ = SteadyClock::now();  // of the tending thread

    // The tending thread's own.
    std::vector<Warming> warming_;
    std::uint32_t forks_asked_ = 0;
    bool zygote_ready_ = false;
    Deadline answer_due_;  // when the zygote must have answered what it was asked
    std::uint32_t failed_starts_ = 0;
    SteadyClock::time_point not_before_{};
    bool missing_steps_logged_ = false;
};

}  // namespace optimilter
