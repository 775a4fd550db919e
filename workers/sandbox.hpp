// SPDX-License-Identifier: Apache-2.0
//
// How the zygote and its workers shut themselves in: a list of one-step functions, run in three stages. What
// can be done once is done once in the zygote and inherited by every worker, which is why a worker costs so
// little. Knows no codec and no protocol. Single-threaded: each stage before the process has a second thread,
// save the system call filter, which reaches all threads.
//
// Security: this is the wall between a hostile attachment and the machine. A step that the kernel lacks is
// reported; limits and system call filter are never optional.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "workers/sandbox_steps.hpp"

namespace optimilter {

struct SandboxSettings {
    std::uint32_t user_id = 65534;  // taken when we are root
    std::uint32_t group_id = 65534;
    std::uint64_t memory_bytes = 1ull << 30;  // RLIMIT_AS, RLIMIT_FSIZE of a worker
};

// CPU seconds after which the kernel ends a worker by itself. Only for the case that the engine, which kills
// at the deadline, is itself stopped.
constexpr std::uint64_t kWorkerCpuSeconds = 600;

class Sandbox {
  public:
    explicit Sandbox(const SandboxSettings& settings) : settings_(settings) {}

    // Stage 1, zygote, before the libraries start their threads. Names the step that failed.
    std::optional<SandboxStep> before_libraries();
    // Stage 2, zygote, after the libraries have read their files.
    std::optional<SandboxStep> before_forks();
    // Stage 3, each worker. parent: the zygote's process id.
    std::optional<SandboxStep> in_worker(pid_t parent);

    // One step by itself, for the stages and for tests that prove each by leaving it out. Names the step when
    // it failed.
    std::optional<SandboxStep> take(SandboxStep step);
    // Makes the directory that the empty root needs, while we may still make one.
    void prepare_root();
    // Of whom the worker must be a child; in_worker() sets it.
    void set_parent(pid_t parent) { parent_ = parent; }

    // Steps this kernel or container lacks, one bit each, so far.
    std::uint32_t missing_steps() const { return missing_; }

  private:
    enum class StepResult { kDone, kMissing, kFailed };

    StepResult namespaces();         // no network, no System V IPC of others
    StepResult empty_root();         // a directory that was deleted: no path leads anywhere
    StepResult user();               // uid, gid, no groups; only when we are root
    StepResult capabilities();       // none in any set
    StepResult no_new_privileges();  // and no ptrace, no core dump by others
    StepResult landlock();           // no file may be opened, no TCP port used, no process outside signalled
    StepResult parent_death();       // SIGKILL when the zygote is gone
    StepResult limits();             // memory, file size, descriptors, CPU, no core
    StepResult system_calls();       // seccomp allow-list, all threads

    StepResult try_step(SandboxStep step);
    std::optional<SandboxStep> take_all(std::span<const SandboxStep> steps);

    SandboxSettings settings_;
    UniqueFd empty_directory_;
    pid_t parent_ = 0;
    std::uint32_t missing_ = 0;
};

// Denies every path and, where the kernel can, TCP, abstract sockets of others and signals to processes that
// are not behind the same wall. kUnsupported when the kernel has no Landlock.
Status restrict_by_landlock();
// Loads the allow-list over all threads. Needs no_new_privs.
Status restrict_system_calls();

}  // namespace optimilter
