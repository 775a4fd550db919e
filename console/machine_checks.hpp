// SPDX-License-Identifier: Apache-2.0
//
// Is there room to work: disk, memory, and core dumps of our programs. Reads folders it is given, so that
// tests plant their own; knows no limit of a setting. Thread safe: pure functions over files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "console/check_list.hpp"

namespace optimilter {

struct DiskSpace {
    std::uint64_t size_bytes = 0, free_bytes = 0;  // free for users other than root
    std::uint64_t files = 0, free_files = 0;       // inodes; 0 where the file system counts none
};
using AskDiskSpace = std::function<std::optional<DiskSpace>(const std::string& folder)>;

// By statvfs(3); nothing when the folder is not there.
std::optional<DiskSpace> disk_space(const std::string& folder);

// Warns below 5 % or 64 MiB, fails below 1 % or 16 MiB; the same shares of inodes. Folders that are not there
// are left out.
Check disk_check(const std::vector<std::string>& folders, const AskDiskSpace& ask);

// proc: "/proc", for meminfo and pressure/memory. Warns below 10 % available or 10 % of the last minute with
// somebody waiting for memory, fails below 3 % or 10 % with everybody waiting.
Check memory_check(const std::string& proc);

// folder: where systemd-coredump keeps its files. Warns when one is of a program of ours.
Check core_dump_check(const std::string& folder);

}  // namespace optimilter
