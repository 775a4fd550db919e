// SPDX-License-Identifier: Apache-2.0
//
// The engine's end of the zygote: starts the process with exactly one descriptor and an empty environment,
// asks for workers, hears how they ended. Knows nothing of jobs. One thread at a time.
//
// Security: the zygote reads no mail, but what comes from it is checked all the same; a record that breaks
// the rules is an error, after which the link is given up.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "workers/pool.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter {

struct ZygoteEvent {
    ZygoteRecord record;
    UniqueFd worker_socket;  // kForked only
    UniqueFd worker_pidfd;   // kForked only
};

class ZygoteLink {
  public:
    // Starts the program; the first event will be kReady. Safe in a process with threads.
    static Result<std::unique_ptr<ZygoteLink>> start(const PoolSettings& settings);
    // Kills the process if it still runs, and waits for it.
    ~ZygoteLink();
    ZygoteLink(const ZygoteLink&) = delete;
    ZygoteLink& operator=(const ZygoteLink&) = delete;

    int socket() const { return socket_.get(); }
    pid_t pid() const { return pid_; }
    Status request_fork();
    // kDeadline when there is none yet; kWorkerDied when the zygote has closed; kMalformed when it broke the
    // rules.
    Result<ZygoteEvent> next_event();
    std::uint64_t cpu_us() const;

    // Ends the process and says in words how it ended: the socket is closed, and after grace_ms it is killed.
    std::string end(int grace_ms);

  private:
    ZygoteLink(pid_t pid, UniqueFd socket, UniqueFd pidfd)
        : pid_(pid), socket_(std::move(socket)), pidfd_(std::move(pidfd)) {}

    pid_t pid_;
    UniqueFd socket_;
    UniqueFd pidfd_;
};

// "killed by signal 11", "exit status 3", "exit status 105 (sandbox: Landlock)".
std::string wait_status_text(int wait_status);

}  // namespace optimilter
