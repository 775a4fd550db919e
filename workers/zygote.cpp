// SPDX-License-Identifier: Apache-2.0
#include "workers/zygote.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "optimizers/optimize.hpp"
#include "workers/loaded_files.hpp"
#include "workers/record_socket.hpp"
#include "workers/worker.hpp"
#include "workers/zygote_record.hpp"

namespace optimilter {

namespace {

struct Zygote {
    UniqueFd engine;
    UniqueFd child_signals;
    Sandbox sandbox;
    sigset_t normal_mask{};
};

// Terminal and service manager signal the whole group, while the engine drains what it has begun: only the
// end of its socket ends us.
void ignore_stop_signals() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) ::signal(number, SIG_IGN);
}

Status watch_children(Zygote& zygote) {
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &children, &zygote.normal_mask);
    zygote.child_signals.reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!zygote.child_signals) return Error{ErrorCode::kIo, std::string("signalfd: ") + std::strerror(errno)};
    return Success{};
}

// Standard streams that take nothing: text of strangers in a library's warning must reach no log. A sealed
// memory file, because a chroot need not have /dev/null.
void mute_standard_streams() {
    const UniqueFd nothing(static_cast<int>(::memfd_create("nothing", MFD_CLOEXEC | MFD_ALLOW_SEALING)));
    ::fcntl(nothing.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_SEAL);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(nothing.get(), fd);
}

// When memory runs short the kernel shall take us, not the engine or the MTA. To raise the score takes no
// right; workers inherit it. Where /proc is not mounted the score stays.
void offer_to_be_killed_first() {
    constexpr std::string_view kScore = "800";
    const UniqueFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    [[maybe_unused]] const ssize_t written = ::write(score.get(), kScore.data(), kScore.size());
}

int refuse(SandboxStep step) {
    const int cause = errno;
    fmt::print(stderr, "optimilter-worker: sandbox: {}: {}\n", sandbox_step_name(step), std::strerror(cause));
    return kSandboxExitStatus + static_cast<int>(step);
}

bool say(const Zygote& zygote, const ZygoteRecord& record, std::span<const int> fds = {}) {
    return send_record(zygote.engine.get(), encode_zygote_record(record), fds).has_value();
}

[[noreturn]] void become_worker(Zygote& zygote, UniqueFd engine_end, UniqueFd socket, pid_t parent) {
    zygote.engine.reset();
    zygote.child_signals.reset();
    engine_end.reset();
    ::sigprocmask(SIG_SETMASK, &zygote.normal_mask, nullptr);
    if (const auto failed = zygote.sandbox.in_worker(parent)) {
        ::_exit(kSandboxExitStatus + static_cast<int>(*failed));
    }
    ::_exit(run_worker(std::move(socket), zygote.sandbox.missing_steps()));
}

bool report_fork_failure(const Zygote& zygote, int cause) {
    return say(zygote, {ZygoteWord::kForkFailed, 0, cause, 0, 0, 0});
}

bool fork_worker(Zygote& zygote) {
    auto ends = record_socket_pair();
    if (!ends) return report_fork_failure(zygote, errno);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return report_fork_failure(zygote, errno);
    if (pid == 0) become_worker(zygote, std::move(ends->first), std::move(ends->second), parent);
    // The child is not yet waited for, so its number cannot have passed to another.
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        const int cause = errno;
        ::kill(pid, SIGKILL);
        return report_fork_failure(zygote, cause);
    }
    const int fds[] = {ends->first.get(), pidfd.get()};
    return say(zygote, {ZygoteWord::kForked, static_cast<std::uint32_t>(pid), 0, 0, 0, 0}, fds);
}

std::uint64_t microseconds(const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

bool reap_children(Zygote& zygote) {
    signalfd_siginfo unused{};
    while (::read(zygote.child_signals.get(), &unused, sizeof(unused)) > 0) continue;
    for (;;) {
        int status = 0;
        rusage usage{};
        const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
        if (pid <= 0) return true;
        const std::uint64_t cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
        if (!say(zygote, {ZygoteWord::kReaped, static_cast<std::uint32_t>(pid), status, cpu_us, 0, 0}))
            return false;
    }
}

// False when the engine is gone or speaks another language.
bool serve_engine(Zygote& zygote) {
    const auto received = receive_record(zygote.engine.get(), kZygoteRecordBytes, false);
    if (!received) return received.error().code == ErrorCode::kDeadline;
    const auto record = parse_zygote_record(received->bytes);
    return record && record->word == ZygoteWord::kFork && fork_worker(zygote);
}

void serve(Zygote& zygote) {
    pollfd watched[] = {{zygote.engine.get(), POLLIN, 0}, {zygote.child_signals.get(), POLLIN, 0}};
    for (;;) {
        if (::poll(watched, 2, -1) < 0 && errno != EINTR) return;
        if (watched[1].revents != 0 && !reap_children(zygote)) return;
        if (watched[0].revents != 0 && !serve_engine(zygote)) return;
    }
}

}  // namespace

int run_zygote(UniqueFd engine, const SandboxSettings& settings) {
    ::umask(077);
    ignore_stop_signals();
    offer_to_be_killed_first();
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    Zygote zygote{std::move(engine), {}, Sandbox(settings), {}};
    if (const auto failed = zygote.sandbox.before_libraries()) return refuse(*failed);
    initialize_optimizers();
    const std::uint32_t fingerprint = loaded_files_fingerprint();
    if (const auto failed = zygote.sandbox.before_forks()) return refuse(*failed);
    if (const Status status = watch_children(zygote); !status.has_value()) {
        fmt::print(stderr, "optimilter-worker: {}\n", status.error().text);
        return 1;
    }
    mute_standard_streams();
    if (say(zygote, {ZygoteWord::kReady, 0, 0, 0, zygote.sandbox.missing_steps(), fingerprint}))
        serve(zygote);
    return 0;
}

}  // namespace optimilter
