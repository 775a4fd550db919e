// SPDX-License-Identifier: Apache-2.0
#include "milter/pool_settings.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <thread>

namespace optimilter {

namespace {

// Folder of the running program; empty where /proc is not mounted.
std::string own_folder() {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0) return {};
    const std::string program(path, static_cast<std::size_t>(length));
    return program.substr(0, program.rfind('/'));
}

// Beside us, in a build tree's neighbour folder, or where it is installed: below our own prefix first, which
// need not be the one we were built for.
Result<std::string> find_worker() {
    const std::string folder = own_folder();
    std::string places[] = {folder + "/optimilter-worker", folder + "/../workers/optimilter-worker",
                            folder + "/../libexec/optimilter-worker",
                            OPTIMILTER_LIBEXECDIR "/optimilter-worker"};
    for (std::string& place : places) {
        if (place.front() == '/' && ::access(place.c_str(), X_OK) == 0) return std::move(place);
    }
    return Error{ErrorCode::kIo, "optimilter-worker is not found; set worker_program"};
}

}  // namespace

Result<std::string> worker_program_of(const Settings& settings) {
    return settings.worker_program.empty() ? find_worker() : settings.worker_program;
}

Result<PoolSettings> pool_settings_of(const Settings& settings) {
    PoolSettings pool;
    Result<std::string> program = worker_program_of(settings);
    if (!program) return program.error();
    pool.worker_program = std::move(*program);
    pool.workers =
        settings.workers != 0 ? settings.workers : std::max(1u, std::thread::hardware_concurrency());
    pool.spares = settings.worker_spares;
    pool.messages_per_worker = settings.messages_per_worker;
    pool.memory_bytes = settings.worker_memory;
    if (!settings.user.empty()) {
        const passwd* entry = ::getpwnam(settings.user.c_str());
        if (entry == nullptr)
            return Error{ErrorCode::kRefused, fmt::format("user {} is not known", settings.user)};
        pool.user_id = entry->pw_uid;
        pool.group_id = entry->pw_gid;
    }
    return pool;
}

}  // namespace optimilter
