// SPDX-License-Identifier: Apache-2.0
#include "workers/zygote_link.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "workers/record_socket.hpp"
#include "workers/sandbox_steps.hpp"
#include "workers/worker_cgroup.hpp"
#include "workers/worker_process.hpp"

namespace optimilter {

namespace {

constexpr int kZygoteFd = 3;

// The two attribute blocks of posix_spawn(3), which needs no fork of a process full of threads.
class SpawnPlan {
  public:
    SpawnPlan() {
        ::posix_spawn_file_actions_init(&files_);
        ::posix_spawnattr_init(&attributes_);
    }
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&files_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    // Only the standard streams and socket are inherited; signals are as in a fresh process; own session, so
    // that Ctrl-C reaches the engine alone.
    void prepare(int socket) {
        ::posix_spawn_file_actions_adddup2(&files_, socket, kZygoteFd);
        ::posix_spawn_file_actions_addclosefrom_np(&files_, kZygoteFd + 1);
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setflags(
            &attributes_,
            static_cast<short>(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    }
    // 0 or an errno.
    int spawn(pid_t& pid, const std::vector<std::string>& arguments,
              const std::vector<std::string>& variables) {
        const auto argv = pointers(arguments);
        const auto envp = pointers(variables);
        return ::posix_spawn(&pid, argv[0], &files_, &attributes_, argv.data(), envp.data());
    }

  private:
    static std::vector<char*> pointers(const std::vector<std::string>& texts) {
        std::vector<char*> list;
        for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
        list.push_back(nullptr);
        return list;
    }

    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
};

// Empty, except that builds with sanitizers pass their switches on.
std::vector<std::string> worker_environment() {
    std::vector<std::string> variables;
#ifdef OPTIMILTER_SANITIZED
    for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS"}) {
        if (const char* value = std::getenv(name)) variables.push_back(fmt::format("{}={}", name, value));
    }
#endif
    return variables;
}

Error cannot_start(const PoolSettings& settings, int cause) {
    return Error{ErrorCode::kIo, fmt::format("start {}: {}", settings.worker_program, std::strerror(cause))};
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

}  // namespace

Result<std::unique_ptr<ZygoteLink>> ZygoteLink::start(const PoolSettings& settings) {
    auto ends = record_socket_pair();
    if (!ends) return ends.error();
    SpawnPlan plan;
    plan.prepare(ends->second.get());
    pid_t pid = -1;
    const int refused =
        plan.spawn(pid,
                   {settings.worker_program, "--zygote", std::to_string(kZygoteFd), "--uid",
                    std::to_string(settings.user_id), "--gid", std::to_string(settings.group_id), "--memory",
                    std::to_string(settings.memory_bytes)},
                   worker_environment());
    if (refused != 0) return cannot_start(settings, refused);
    // We have not waited for it, so the number is still its own.
    UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd) {
        const int cause = errno;
        ::kill(pid, SIGKILL);
        wait_for(pid);
        return cannot_start(settings, cause);
    }
    // Before it forks, so that all workers are born there. A zygote outside would be one without limits,
    // which still works.
    if (!settings.control_group.empty()) {
        if (const Status moved = enter_cgroup(settings.control_group, pid); !moved)
            log_warning("workers: no limits: {}", moved.error().text);
    }
    return std::unique_ptr<ZygoteLink>(new ZygoteLink(pid, std::move(ends->first), std::move(pidfd)));
}

ZygoteLink::~ZygoteLink() {
    end(0);
}

std::string ZygoteLink::end(int grace_ms) {
    if (pid_ < 0) return "ended";
    socket_.reset();
    pollfd watched{pidfd_.get(), POLLIN, 0};
    if (::poll(&watched, 1, grace_ms) != 1) kill_by_pidfd(pidfd_.get());
    return wait_status_text(wait_for(std::exchange(pid_, -1)));
}

Status ZygoteLink::request_fork() {
    return send_record(socket_.get(), encode_zygote_record({ZygoteWord::kFork, 0, 0, 0, 0, 0}));
}

Result<ZygoteEvent> ZygoteLink::next_event() {
    auto received = receive_record(socket_.get(), kZygoteRecordBytes, false);
    if (!received) return received.error();
    auto record = parse_zygote_record(received->bytes);
    if (!record) return record.error();
    const bool forked = record->word == ZygoteWord::kForked;
    if (received->fds_lost || received->fds.size() != (forked ? 2u : 0u)) {
        return Error{ErrorCode::kMalformed, "zygote record: descriptors"};
    }
    ZygoteEvent event{*record, {}, {}};
    if (forked) {
        event.worker_socket = std::move(received->fds[0]);
        event.worker_pidfd = std::move(received->fds[1]);
    }
    return event;
}

std::uint64_t ZygoteLink::cpu_us() const {
    return pid_ < 0 ? 0 : cpu_us_of(pid_).value_or(0);
}

std::string wait_status_text(int wait_status) {
    if (WIFSIGNALED(wait_status)) return fmt::format("killed by signal {}", WTERMSIG(wait_status));
    const int status = WEXITSTATUS(wait_status);
    const std::string_view step = failed_sandbox_step(status);
    if (step.empty()) return fmt::format("exit status {}", status);
    return fmt::format("exit status {} (sandbox: {})", status, step);
}

}  // namespace optimilter
