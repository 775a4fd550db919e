// SPDX-License-Identifier: Apache-2.0
//
// One worker as the engine sees it: its socket, its pidfd, what it has cost. The zygote is its parent and
// waits for it; how it ended is told by the zygote and noted here. Descriptors and process id never change;
// what the crew's lock guards is said below.
//
// Security: the process may be hostile. It is only ever signalled through its pidfd, never by number.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "base/unique_fd.hpp"

namespace optimilter {

struct WorkerExit {
    int wait_status = 0;  // as of wait(2)
    std::uint64_t cpu_us = 0;
};

class WorkerProcess {
  public:
    WorkerProcess(pid_t pid, UniqueFd socket, UniqueFd pidfd)
        : pid_(pid), socket_(std::move(socket)), pidfd_(std::move(pidfd)) {}

    pid_t pid() const { return pid_; }
    int socket() const { return socket_.get(); }
    int pidfd() const { return pidfd_.get(); }

    // SIGKILL; no harm when it is dead already.
    void kill() const;
    // False once the process has ended.
    bool alive() const;
    // What waits on its socket: nothing, a record (it said more than it was asked), or the end.
    enum class Line { kSilent, kSpoke, kClosed };
    Line line() const;
    // CPU it has used so far, by the kernel's count; none once it has ended.
    std::optional<std::uint64_t> cpu_us() const;

    // Guarded by the crew's lock.
    std::optional<WorkerExit> exit;
    bool lost = false;          // its zygote died: nobody will tell how it ended
    bool expected_end = false;  // we ended it
    std::uint32_t messages_served = 0;

  private:
    const pid_t pid_;
    UniqueFd socket_;
    UniqueFd pidfd_;
};

// CPU of any process by the kernel's count. The caller makes sure that pid is still the process it means.
std::optional<std::uint64_t> cpu_us_of(pid_t pid);
// SIGKILL through a pidfd.
void kill_by_pidfd(int pidfd);

}  // namespace optimilter
