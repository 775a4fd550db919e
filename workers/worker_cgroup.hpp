// SPDX-License-Identifier: Apache-2.0
//
// The control group of the zygote and its workers, inside the one that systemd has handed to the engine's
// unit (Delegate=): memory and CPU limits sit there and never on the engine. Needs cgroup v2. Where nothing
// was handed over, nothing is touched: the group of a login session is not ours to rearrange. Not thread
// safe: at start, before other threads.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"

namespace optimilter {

struct WorkerLimits {
    std::uint64_t memory_bytes = 0;  // 0: none
    std::uint32_t cpu_weight = 0;    // 1 .. 10000, against the engine's 100; 0: as it is
};

// Where the kernel tells of control groups; tests plant their own.
struct CgroupPlaces {
    std::string own_group = "/proc/self/cgroup";
    std::string mounts = "/proc/self/mounts";
    // Has systemd handed this folder over? By the mark that it sets (the attribute user.delegate).
    std::function<bool(const std::string& folder)> delegated;
};
CgroupPlaces kernel_places();

// Moves this process into the group "engine" of its own, makes the group "workers" beside it and puts the
// limits on that. Returns its folder. kUnsupported when no group was handed to us, kIo with what the kernel
// refused; the process then runs on as it did, without limits.
Result<std::string> make_worker_cgroup(const WorkerLimits& limits, const CgroupPlaces& places);

// Moves a process there: the zygote, before it forks.
Status enter_cgroup(const std::string& folder, pid_t pid);

// "memory 2147483648, CPU weight 20", "none"; for log and status.
std::string describe_limits(const WorkerLimits& limits);

}  // namespace optimilter
