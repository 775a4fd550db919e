// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace optimilter {

namespace {

bool readable(int fd) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, 0) == 1;
}

}  // namespace

std::optional<std::uint64_t> cpu_us_of(pid_t pid) {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
    return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(used.tv_nsec) / 1000;
}

void kill_by_pidfd(int pidfd) {
    ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

void WorkerProcess::kill() const {
    kill_by_pidfd(pidfd_.get());
}

bool WorkerProcess::alive() const {
    return !readable(pidfd_.get());
}

WorkerProcess::Line WorkerProcess::line() const {
    std::uint8_t byte = 0;
    const ssize_t got = ::recv(socket_.get(), &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
    if (got > 0) return Line::kSpoke;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? Line::kSilent : Line::kClosed;
}

std::optional<std::uint64_t> WorkerProcess::cpu_us() const {
    const auto used = cpu_us_of(pid_);
    // Asked after the reading: alive now means that the number was this process's then.
    return alive() ? used : std::nullopt;
}

}  // namespace optimilter
