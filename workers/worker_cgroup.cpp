// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

Error refused(const std::string& what) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", what, std::strerror(errno))};
}

Error unsupported(std::string why) {
    return Error{ErrorCode::kUnsupported, std::move(why)};
}

// Each write is a command to the kernel of its own. The files are there; O_CREAT is for planted ones.
Status write_line(const std::string& file, const std::string& line) {
    const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    const std::string text = line + "\n";
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        return refused(fmt::format("{} to {}", line, file));
    return Success{};
}

// "0::/system.slice/optimilter-engine.service" is the line of cgroup v2.
std::string own_group(const std::string& file) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with("0::/")) return line.substr(3);
    return {};
}

// Mount point of cgroup v2: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside v1.
std::string mount_point(const std::string& mounts) {
    std::ifstream lines(mounts);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string device, folder, type;
        if (words >> device >> folder >> type && type == "cgroup2") return folder;
    }
    return {};
}

bool has_mark(const std::string& folder) {
    for (const char* name : {"user.delegate", "trusted.delegate"}) {
        char value = 0;
        if (::getxattr(folder.c_str(), name, &value, 1) == 1 && value == '1') return true;
    }
    return false;
}

Status make_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return Success{};
    return refused("make " + folder);
}

// A group that has members of its own may not share out controllers to those below it, so we move first.
Status share_out(const std::string& unit, const WorkerLimits& limits) {
    if (const Status made = make_folder(unit + "/engine"); !made) return made;
    if (const Status made = make_folder(unit + "/workers"); !made) return made;
    if (const Status moved = enter_cgroup(unit + "/engine", ::getpid()); !moved) return moved;
    const std::string controllers = unit + "/cgroup.subtree_control";
    if (limits.memory_bytes != 0) {
        if (const Status shared = write_line(controllers, "+memory"); !shared) return shared;
    }
    return limits.cpu_weight == 0 ? Status(Success{}) : write_line(controllers, "+cpu");
}

Status set_limits(const std::string& workers, const WorkerLimits& limits) {
    if (limits.memory_bytes != 0) {
        const Status set = write_line(workers + "/memory.max", std::to_string(limits.memory_bytes));
        if (!set) return set;
    }
    if (limits.cpu_weight == 0) return Success{};
    return write_line(workers + "/cpu.weight", std::to_string(limits.cpu_weight));
}

}  // namespace

CgroupPlaces kernel_places() {
    CgroupPlaces places;
    places.delegated = has_mark;
    return places;
}

Result<std::string> make_worker_cgroup(const WorkerLimits& limits, const CgroupPlaces& places) {
    const std::string own = own_group(places.own_group), root = mount_point(places.mounts);
    if (own.empty() || root.empty()) return unsupported("there is no cgroup v2");
    const std::string unit = root + own;
    if (own == "/" || !places.delegated(unit))
        return unsupported(fmt::format("the control group {} was not handed to us (Delegate=)", own));
    if (const Status shared = share_out(unit, limits); !shared) return shared.error();
    const std::string workers = unit + "/workers";
    if (const Status set = set_limits(workers, limits); !set) return set.error();
    return workers;
}

Status enter_cgroup(const std::string& folder, pid_t pid) {
    return write_line(folder + "/cgroup.procs", std::to_string(pid));
}

std::string describe_limits(const WorkerLimits& limits) {
    std::string text;
    if (limits.memory_bytes != 0) text = fmt::format("memory {}", limits.memory_bytes);
    if (limits.cpu_weight != 0)
        text += fmt::format("{}CPU weight {}", text.empty() ? "" : ", ", limits.cpu_weight);
    return text.empty() ? "none" : text;
}

}  // namespace optimilter
