// SPDX-License-Identifier: Apache-2.0
#include "console/process_table.hpp"

#include <dirent.h>
#include <fmt/format.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "console/small_file.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kReplaced = " (deleted)";
constexpr pid_t kFirst = 1;

// "pid (name) state ppid ... starttime ...": the name may hold blanks and brackets (proc(5)).
std::optional<ProcessEntry> parse_stat(pid_t pid, const std::string& text) {
    const std::size_t open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
    ProcessEntry entry;
    entry.pid = pid;
    entry.name = printable(text.substr(open + 1, close - open - 1), 40);
    std::istringstream rest(text.substr(close + 1));
    std::string skipped;
    rest >> entry.state >> entry.parent;
    // From field 5 on; the start time is field 22.
    for (int field = 5; field < 22; ++field) rest >> skipped;
    rest >> entry.started;
    return rest.fail() ? std::nullopt : std::optional(entry);
}

std::string program_of(const std::string& folder) {
    char path[PATH_MAX];
    const ssize_t length = ::readlink((folder + "/exe").c_str(), path, sizeof path);
    if (length <= 0) return {};
    std::string program(path, static_cast<std::size_t>(length));
    if (program.ends_with(kReplaced)) program.resize(program.size() - kReplaced.size());
    return program;
}

std::optional<ProcessEntry> read_process(const std::string& proc, pid_t pid) {
    const std::string folder = fmt::format("{}/{}", proc, pid);
    const auto stat = read_small_file(folder + "/stat");
    auto entry = stat ? parse_stat(pid, *stat) : std::nullopt;
    if (entry) entry->program = program_of(folder);
    return entry;
}

// The path without links and "..": what the kernel says of a running program. As it is when it is gone.
std::string real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), &::free);
    return real ? std::string(real.get()) : path;
}

const ProcessEntry* find_pid(const std::vector<ProcessEntry>& table, pid_t pid) {
    const auto found =
        std::find_if(table.begin(), table.end(), [pid](const ProcessEntry& e) { return e.pid == pid; });
    return found == table.end() ? nullptr : &*found;
}

// Process 1 owns nothing it took over, unless it is a program of ours.
bool owns(const ProcessEntry& parent) {
    return parent.pid != kFirst || parent.name.starts_with("optimilter");
}

}  // namespace

std::vector<ProcessEntry> read_process_table(const std::string& proc) {
    std::vector<ProcessEntry> table;
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(proc.c_str()), &::closedir);
    while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
        const char* end = entry->d_name + std::strlen(entry->d_name);
        pid_t pid = 0;
        const auto parsed = std::from_chars(entry->d_name, end, pid);
        if (parsed.ec != std::errc() || parsed.ptr != end || pid <= 0) continue;
        if (auto process = read_process(proc, pid)) table.push_back(std::move(*process));
    }
    std::sort(table.begin(), table.end(),
              [](const ProcessEntry& a, const ProcessEntry& b) { return a.pid < b.pid; });
    return table;
}

std::vector<ProcessEntry> find_orphans(const std::vector<ProcessEntry>& table,
                                       const std::string& worker_program) {
    const std::string program = real_path(worker_program);
    std::vector<ProcessEntry> orphans;
    for (const ProcessEntry& process : table) {
        if (program.empty() || process.program != program || process.state == 'Z' || process.pid == kFirst)
            continue;
        const ProcessEntry* parent = find_pid(table, process.parent);
        // A parent outside of our view (0, or another namespace) is no proof that it is gone.
        const bool gone = parent == nullptr && process.parent > kFirst;
        if (gone || (parent != nullptr && !owns(*parent))) orphans.push_back(process);
    }
    return orphans;
}

Status end_orphan(const ProcessEntry& orphan, const std::string& proc, const std::string& worker_program) {
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, orphan.pid, 0)));
    if (!pidfd) return Error{ErrorCode::kIo, fmt::format("process {}: {}", orphan.pid, std::strerror(errno))};
    // The number is held now; is it still the process that we saw?
    const auto again = find_orphans(read_process_table(proc), worker_program);
    const ProcessEntry* same = find_pid(again, orphan.pid);
    if (same == nullptr || same->started != orphan.started)
        return Error{ErrorCode::kRefused, fmt::format("process {} is no orphan any more", orphan.pid)};
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) != 0)
        return Error{ErrorCode::kIo, fmt::format("end process {}: {}", orphan.pid, std::strerror(errno))};
    return Success{};
}

}  // namespace optimilter
