// SPDX-License-Identifier: Apache-2.0
#include "console/postconf.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.hpp"

extern char** environ;

namespace optimilter {

namespace {

std::string read_all(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

// postconf lives in sbin, which is not in everybody's PATH.
std::string find_postconf() {
    for (const char* place :
         {"/usr/sbin/postconf", "/usr/local/sbin/postconf", "/opt/postfix/sbin/postconf"}) {
        if (::access(place, X_OK) == 0) return place;
    }
    return "postconf";
}

}  // namespace

Result<std::string> run_postconf(const std::string& config_dir, const std::vector<std::string>& arguments) {
    std::vector<std::string> words{find_postconf()};
    if (!config_dir.empty()) words.insert(words.end(), {"-c", config_dir});
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::kIo, std::strerror(errno)};
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
    pid_t pid = -1;
    const int rc = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    writer.reset();
    if (rc != 0) return Error{ErrorCode::kIo, fmt::format("run postconf: {}", std::strerror(rc))};
    std::string output = read_all(reader.get());
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return Error{ErrorCode::kIo, "postconf failed"};
    return output;
}

}  // namespace optimilter
