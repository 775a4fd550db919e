// SPDX-License-Identifier: Apache-2.0
#include "console/run_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

extern char** environ;

namespace optimilter {

namespace {

constexpr std::size_t kMostOutput = 1 << 20;

struct Pipe {
    UniqueFd reader, writer;
};

bool open_pipe(Pipe& pipe) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    pipe.reader.reset(ends[0]);
    pipe.writer.reset(ends[1]);
    return true;
}

// Reads what is there; false at the end of the stream.
bool take(int fd, std::string& text) {
    char buffer[8192];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno == EAGAIN;
        if (got == 0) return false;
        text.append(buffer, std::min(static_cast<std::size_t>(got), kMostOutput - text.size()));
    }
}

class Child {
  public:
    Status start(const std::vector<std::string>& words) {
        if (!open_pipe(input_) || !open_pipe(output_) || !open_pipe(errors_)) return failed(words, errno);
        for (const int fd : {input_.writer.get(), output_.reader.get(), errors_.reader.get()})
            ::fcntl(fd, F_SETFL, O_NONBLOCK);
        if (const int cause = spawn(words)) return failed(words, cause);
        input_.reader.reset();
        output_.writer.reset();
        errors_.writer.reset();
        pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        return Success{};
    }

    // True when it ended by itself before the deadline. Those that inherited its output may live on.
    bool converse(std::string_view input, Deadline deadline) {
        for (;;) {
            feed(input);
            pollfd watched[] = {{output_.reader.get(), POLLIN, 0},
                                {errors_.reader.get(), POLLIN, 0},
                                {pidfd_.get(), POLLIN, 0},
                                {input_.writer.get(), POLLOUT, 0}};
            if (deadline.expired()) return false;
            if (::poll(watched, 4, static_cast<int>(deadline.remaining_ms()) + 1) < 0 && errno != EINTR)
                return false;
            if (watched[0].revents != 0 && !take(output_.reader.get(), run.output)) output_.reader.reset();
            if (watched[1].revents != 0 && !take(errors_.reader.get(), run.errors)) errors_.reader.reset();
            if (watched[2].revents != 0) break;
        }
        if (output_.reader) take(output_.reader.get(), run.output);
        if (errors_.reader) take(errors_.reader.get(), run.errors);
        return true;
    }

    void end(bool by_itself) {
        if (!by_itself) ::kill(-pid_, SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
        run.exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    ProgramRun run;

  private:
    static Error failed(const std::vector<std::string>& words, int cause) {
        return Error{ErrorCode::kIo, fmt::format("run {}: {}", words.at(0), std::strerror(cause))};
    }

    int spawn(const std::vector<std::string>& words) {
        std::vector<char*> argv;
        for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawnattr_init(&attributes);
        ::posix_spawn_file_actions_adddup2(&files, input_.reader.get(), STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&files, output_.writer.get(), STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&files, errors_.writer.get(), STDERR_FILENO);
        sigset_t all;
        sigset_t none;
        ::sigfillset(&all);
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes, &all);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        ::posix_spawnattr_setflags(&attributes,
                                   POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        const int cause = ::posix_spawnp(&pid_, argv[0], &files, &attributes, argv.data(), environ);
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&files);
        return cause;
    }

    // Writes what the pipe takes, and closes it behind the last byte. Nobody reading is no error.
    void feed(std::string_view& input) {
        while (input_.writer && !input.empty()) {
            const ssize_t written = ::write(input_.writer.get(), input.data(), input.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && errno == EAGAIN) return;
            if (written < 0) break;
            input.remove_prefix(static_cast<std::size_t>(written));
        }
        input_.writer.reset();
    }

    Pipe input_, output_, errors_;
    pid_t pid_ = -1;
    UniqueFd pidfd_;
};

}  // namespace

Result<ProgramRun> run_program(const std::vector<std::string>& words, std::int64_t limit_ms,
                               std::string_view input) {
    // A program that does not read its input must not end us.
    struct sigaction ignore {
    }, before{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before);
    Child child;
    const Status started = child.start(words);
    bool by_itself = false;
    if (started) {
        by_itself = child.converse(input, Deadline::in_ms(limit_ms));
        child.end(by_itself);
    }
    ::sigaction(SIGPIPE, &before, nullptr);
    if (!started) return started.error();
    if (!by_itself)
        return Error{ErrorCode::kDeadline, fmt::format("{} did not end within {} ms", words.at(0), limit_ms)};
    return std::move(child.run);
}

}  // namespace optimilter
