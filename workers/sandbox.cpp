// SPDX-License-Identifier: Apache-2.0
#include "workers/sandbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

namespace optimilter {

namespace {

// Room for the socket, the two files of a job, and what a library opens for itself.
constexpr std::uint64_t kWorkerDescriptors = 32;

bool is_root() {
    return ::geteuid() == 0;
}

bool set_limit(__rlimit_resource_t resource, std::uint64_t soft, std::uint64_t hard) {
    const rlimit limit{soft, hard};
    return ::setrlimit(resource, &limit) == 0;
}

// A directory that no path leads to: made, opened, removed.
UniqueFd open_deleted_directory() {
    for (const char* parent : {"/tmp", "/var/tmp", "/run"}) {
        std::string path = std::string(parent) + "/optimilter-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) continue;
        UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        ::rmdir(path.c_str());
        if (directory) return directory;
    }
    return UniqueFd();
}

}  // namespace

Sandbox::StepResult Sandbox::try_step(SandboxStep step) {
    switch (step) {
        case SandboxStep::kNamespaces:
            return namespaces();
        case SandboxStep::kEmptyRoot:
            return empty_root();
        case SandboxStep::kUser:
            return user();
        case SandboxStep::kCapabilities:
            return capabilities();
        case SandboxStep::kNoNewPrivileges:
            return no_new_privileges();
        case SandboxStep::kLandlock:
            return landlock();
        case SandboxStep::kParentDeath:
            return parent_death();
        case SandboxStep::kLimits:
            return limits();
        case SandboxStep::kSystemCalls:
            return system_calls();
    }
    return StepResult::kFailed;
}

std::optional<SandboxStep> Sandbox::take(SandboxStep step) {
    const StepResult result = try_step(step);
    if (result == StepResult::kMissing) missing_ |= sandbox_bit(step);
    if (result == StepResult::kFailed) return step;
    return {};
}

std::optional<SandboxStep> Sandbox::take_all(std::span<const SandboxStep> steps) {
    for (const SandboxStep step : steps) {
        if (auto failed = take(step)) return failed;
    }
    return {};
}

void Sandbox::prepare_root() {
    empty_directory_ = open_deleted_directory();
}

std::optional<SandboxStep> Sandbox::before_libraries() {
    // Made first: in a user namespace without mapped ids nothing can be created any more.
    prepare_root();
    return take_all(kStepsBeforeLibraries);
}

std::optional<SandboxStep> Sandbox::before_forks() {
    return take_all(kStepsBeforeForks);
}

std::optional<SandboxStep> Sandbox::in_worker(pid_t parent) {
    set_parent(parent);
    return take_all(kStepsInWorker);
}

Sandbox::StepResult Sandbox::namespaces() {
    // Root needs no user namespace, and in a chroot could not get one. Others need one for the right to
    // unshare; some kernels and containers forbid it.
    const int user_namespace = is_root() ? 0 : CLONE_NEWUSER;
    return ::unshare(user_namespace | CLONE_NEWNET | CLONE_NEWIPC) == 0 ? StepResult::kDone
                                                                        : StepResult::kMissing;
}

Sandbox::StepResult Sandbox::empty_root() {
    if (!empty_directory_) return StepResult::kMissing;
    const bool moved = ::fchdir(empty_directory_.get()) == 0 && ::chroot(".") == 0 && ::chdir("/") == 0;
    empty_directory_.reset();
    return moved ? StepResult::kDone : StepResult::kMissing;
}

Sandbox::StepResult Sandbox::user() {
    if (!is_root()) return StepResult::kDone;
    const bool changed = ::setgroups(0, nullptr) == 0 &&
                         ::setresgid(settings_.group_id, settings_.group_id, settings_.group_id) == 0 &&
                         ::setresuid(settings_.user_id, settings_.user_id, settings_.user_id) == 0;
    // Containers that map one id only, and units without CAP_SETUID.
    if (!changed) return StepResult::kMissing;
    return ::geteuid() == settings_.user_id ? StepResult::kDone : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    return ::syscall(SYS_capset, &header, none.data()) == 0 ? StepResult::kDone : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::no_new_privileges() {
    const bool done = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0;
    return done ? StepResult::kDone : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::landlock() {
    const Status status = restrict_by_landlock();
    if (status.has_value()) return StepResult::kDone;
    return status.error().code == ErrorCode::kUnsupported ? StepResult::kMissing : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::parent_death() {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return StepResult::kFailed;
    // The zygote may have died just before.
    return ::getppid() == parent_ ? StepResult::kDone : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::limits() {
    bool set = set_limit(RLIMIT_CORE, 0, 0);
    set = set && set_limit(RLIMIT_FSIZE, settings_.memory_bytes, settings_.memory_bytes);
    set = set && set_limit(RLIMIT_NOFILE, kWorkerDescriptors, kWorkerDescriptors);
    set = set && set_limit(RLIMIT_CPU, kWorkerCpuSeconds, kWorkerCpuSeconds + 1);
#ifndef OPTIMILTER_SANITIZED
    // The sanitizers reserve terabytes of address space, of which they use little.
    set = set && set_limit(RLIMIT_AS, settings_.memory_bytes, settings_.memory_bytes);
#endif
    return set ? StepResult::kDone : StepResult::kFailed;
}

Sandbox::StepResult Sandbox::system_calls() {
    return restrict_system_calls().has_value() ? StepResult::kDone : StepResult::kFailed;
}

}  // namespace optimilter
