// SPDX-License-Identifier: Apache-2.0
//
// The engine's side of the workers: starts the zygote (the program optimilter-worker), keeps fresh workers
// warm, leases one for each message, kills at the deadline, and treats every reply as hostile. Links no
// codec. Thread safe: many trips share one Pool; a Lease belongs to one trip at a time.
//
// Security: a worker may be under an attacker's control. It can only fill an output file whose size we fixed
// (input size - 1) and send one reply record; both are checked here, and the file is sealed before it is read
// (doc/job-protocol.md).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/counters.hpp"
#include "base/digest.hpp"
#include "base/memfd.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"
#include "optimizers/options.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

struct PoolSettings {
    std::string worker_program;  // path of optimilter-worker
    std::uint32_t workers = 2;   // most workers at work at once
    std::uint32_t spares = 2;    // idle workers kept warm, at least 1
    std::uint32_t messages_per_worker = 1;
    std::uint64_t memory_bytes = 1ull << 30;  // RLIMIT_AS of a worker
    std::uint32_t waiting = 256;    // most messages that wait for a worker; those beyond are refused at once
    std::uint32_t user_id = 65534;  // uid and gid the zygote takes when it starts as root
    std::uint32_t group_id = 65534;
    std::uint32_t crash_memory =
        1024;                          // digests of inputs that killed a worker, remembered (oldest go first)
    std::uint32_t answer_ms = 15'000;  // a zygote or new worker silent for longer is taken for hung
    std::string control_group;         // folder of it for all workers (workers/worker_cgroup); empty: none
    std::string limits = "none";       // what is set on it, in words, for status
};

// One file to optimise. input: a memory file; run() seals it, and must get it with nothing mapped writable.
struct Job {
    const Memfd* input = nullptr;
    Digest digest{};  // of the input
    TypeHint hint;    // views must live until run() returns
    const Options* options = nullptr;
    Deadline deadline;
    // The input is two pictures to compare (doc/job-protocol.md): the result has a score and no output.
    bool compare = false;
};

struct JobResult {
    Outcome outcome = Outcome::kOverBudget;
    std::string reason;
    Format format = Format::kUnknown;
    Format output_format = Format::kUnknown;  // of the output; another one than format when converted
    std::string optimizer;
    std::optional<double> score;
    // Another run could have another result: time was short, or the worker failed.
    bool passing = true;
    double cpu_ms = 0;  // CPU the worker spent on this job, killed workers counted in
    Mapping output;     // sealed, read-only; empty unless optimised
};

// The name of a job's result: of input, hint and options, not of the time it has. Equal names, equal results,
// as long as Pool::worker_fingerprint() is the same.
Digest job_key(const Job& job);

// What the pool is doing at one moment, for status.
struct PoolState {
    std::uint32_t workers_limit = 0;    // most workers at work at once
    std::uint32_t workers_busy = 0;     // places at work that are taken
    std::uint32_t workers_idle = 0;     // warm
    std::uint32_t workers_warming = 0;  // asked for or shutting themselves in
    std::uint32_t waiting = 0;          // messages in the queue for a worker
    double service_ms = 0;              // mean time that the last messages stayed at work
    pid_t zygote_pid = 0;               // 0: none runs
    SteadyClock::time_point zygote_since{};
    SteadyClock::time_point last_round{};    // of the tending thread: every second while it lives
    std::string down_reason;                 // not empty: workers cannot be started at present, and why
    std::vector<std::string> missing_steps;  // of the sandbox, in words; empty when all hold
    std::string limits;                      // of all workers together, in words; or why there are none
};

// How much there is to do, since the call before.
struct PoolLoad {
    double least_wait_ms = 0;  // of the messages that got a worker or were refused; 0: one had not to wait
    double backlog_ms = 0;     // for each worker: work that waits now, and that was refused since
    double busy = 0;           // share of the workers' time that was used, 0 to 1
};

class Pool {
  public:
    // Starts the zygote and waits until it is ready. kIo or kWorkerDied with the reason when it cannot start.
    static Result<std::unique_ptr<Pool>> start(const PoolSettings& settings, Counters& counters);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // A worker for one message, handed back (or ended) when it dies. A worker that crashes during a job is
    // replaced inside the lease, so that the message's next part gets another.
    class Lease {
      public:
        Lease();
        Lease(Lease&&) noexcept;
        Lease& operator=(Lease&&) noexcept;
        ~Lease();

        // Runs one job to its end, at the latest its deadline. Never throws, never blocks longer. Every
        // failure is an outcome: kOverBudget at the deadline ("deadline") or when no worker could be had,
        // kMalformed when the input crashed the worker or is remembered for having done so, kTooDifferent
        // when the reply broke the rules.
        JobResult run(const Job& job);

      private:
        friend class Pool;
        struct State;
        std::unique_ptr<State> state_;
    };

    // Waits for a free worker, first come, first served, and never past the deadline. kLimit at once when
    // none can be expected in time or too many wait already; kLimit "all workers busy" when none came free
    // while it was worth waiting.
    Result<Lease> lease(Deadline deadline);
    // The refusal that lease() would give at once, so that no work is spent on a message which gets no
    // worker.
    Status admits(Deadline deadline) const;

    // Ends all workers at once: jobs that run end with kOverBudget "shutting down", leases and whoever waits
    // for one are refused. The destructor does the same; leases may outlive both.
    void stop();

    // CPU, in ms, of worker processes that is in no JobResult: starting, sandboxing, being reaped.
    double overhead_cpu_ms() const;

    // Steps of the sandbox that this kernel lacks, in words; empty when all hold.
    std::vector<std::string> missing_sandbox_steps() const;

    // Stands for the worker program and the libraries it has loaded; another one after an upgrade of any. 0:
    // not known.
    std::uint32_t worker_fingerprint() const;

    PoolState state() const;

    // For one caller, about once a second: milter/load_monitor.
    PoolLoad load();

  private:
    Pool();
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace optimilter
