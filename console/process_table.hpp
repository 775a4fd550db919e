// SPDX-License-Identifier: Apache-2.0
//
// The processes of this machine, as /proc tells them, and those of our workers that nothing owns: their
// engine is gone and they have not followed it. Knows no unit. Thread safe: pure functions over files.
//
// Security: end_orphan() kills, as root. It does so only through a pidfd, after looking again whether the
// process is still that orphan: the same start time, program and parent.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

struct ProcessEntry {
    pid_t pid = 0;
    pid_t parent = 0;
    std::string name;           // as the kernel shows it, cut at 15 bytes; cleaned
    std::string program;        // absolute path; empty when it may not be seen. Replaced programs keep theirs
    char state = '?';           // R, S, T (stopped), Z (ended, waited for), ...
    std::uint64_t started = 0;  // in clock ticks since boot
};

// proc: "/proc". Processes that end meanwhile are left out.
std::vector<ProcessEntry> read_process_table(const std::string& proc);

// Processes that run worker_program (an absolute path) although nothing owns them: their parent is process 1,
// which took them over, or is gone. Not: children of any other process, of an engine that is process 1 itself
// (a container), or processes that have ended and only wait to be read.
std::vector<ProcessEntry> find_orphans(const std::vector<ProcessEntry>& table,
                                       const std::string& worker_program);

// Kills one. kRefused when it is not that orphan any more, kIo when the kernel says no.
Status end_orphan(const ProcessEntry& orphan, const std::string& proc, const std::string& worker_program);

}  // namespace optimilter
