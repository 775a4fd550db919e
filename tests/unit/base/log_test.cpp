// SPDX-License-Identifier: Apache-2.0
//
// Nobody waits for the log: its reader may be stopped, gone, or started again.
#include "base/log.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

// Standard error for the time of a test.
class StderrTo {
  public:
    explicit StderrTo(int fd) : saved_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
    ~StderrTo() { ::dup2(saved_.get(), STDERR_FILENO); }

  private:
    UniqueFd saved_;
};

std::string read_all(int fd) {
    ::fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<size_t>(got));
    return text;
}

// More lines than any pipe or socket holds: a log that blocks hangs here.
constexpr int kManyLines = 20000;

void check_stopped_reader(int reader, int writer) {
    open_log("test", LogTarget::kStderr, LogLevel::kInfo);
    log_info("what earlier tests lost is told here");
    const std::uint64_t lost_before = lost_log_lines();
    {
        const StderrTo redirected(writer);
        for (int i = 0; i < kManyLines; ++i) log_info("line {} of many, a little longer than it need be", i);
    }
    const std::uint64_t lost = lost_log_lines() - lost_before;
    CHECK(lost > 0 && lost < kManyLines);
    const std::string first = read_all(reader);
    CHECK(first.starts_with("optimilter: line 0 of many"));
    CHECK(first.ends_with("\n"));  // no line is cut
    {
        const StderrTo redirected(writer);
        log_info("again");
    }
    const std::string later = read_all(reader);
    CHECK_EQ(later,
             "optimilter: warning: " + std::to_string(lost) + " log lines were lost\noptimilter: again\n");
}

void test_pipe_nobody_reads() {
    int ends[2];
    CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]), writer(ends[1]);
    check_stopped_reader(reader.get(), writer.get());
}

// How systemd connects a service's standard error to the journal.
void test_stream_socket_nobody_reads() {
    int ends[2];
    CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const UniqueFd reader(ends[0]), writer(ends[1]);
    check_stopped_reader(reader.get(), writer.get());
}

struct Syslog {
    Syslog() : path(std::string(::mkdtemp(folder_)) + "/log") { start(); }
    ~Syslog() {
        ::unlink(path.c_str());
        ::rmdir(folder_);
    }
    void start() {
        ::unlink(path.c_str());
        fd.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        CHECK(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    std::string next() {
        char buffer[8192];
        const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
        return got < 0 ? std::string("(nothing)") : std::string(buffer, static_cast<size_t>(got));
    }

    UniqueFd fd;
    char folder_[32] = "/tmp/optimilter-log.XXXXXX";
    std::string path;
};

void test_syslog_line() {
    Syslog log;
    open_log("optimilterd", LogTarget::kSyslog, LogLevel::kInfo, log.path);
    log_warning("4XyZ: {}", "text");
    const std::string line = log.next();
    CHECK(line.starts_with("<20>"), line);  // facility mail, warning
    CHECK(line.ends_with("optimilterd[" + std::to_string(::getpid()) + "]: warning: 4XyZ: text"), line);
    log_debug("below the level");
    CHECK_EQ(log.next(), "(nothing)");
}

void test_syslog_nobody_reads() {
    Syslog log;
    open_log("test", LogTarget::kSyslog, LogLevel::kInfo, log.path);
    const std::uint64_t lost_before = lost_log_lines();
    for (int i = 0; i < kManyLines; ++i) log_info("line {}", i);
    const std::uint64_t lost = lost_log_lines() - lost_before;
    CHECK(lost > 0);
    while (log.next() != "(nothing)") {
    }
    log_info("again");
    CHECK(log.next().ends_with("]: warning: " + std::to_string(lost) + " log lines were lost"));
    CHECK(log.next().ends_with("]: again"));
}

void test_syslog_gone_and_back() {
    Syslog log;
    open_log("test", LogTarget::kSyslog, LogLevel::kInfo, log.path);
    log.fd.reset();
    ::unlink(log.path.c_str());
    log_info("lost");
    log.start();
    log_info("found");
    CHECK(log.next().ends_with("1 log lines were lost"));
    CHECK(log.next().ends_with("found"));
}

void test_syslog_never_there() {
    open_log("test", LogTarget::kSyslog, LogLevel::kInfo, "/nonexistent/log");
    const std::uint64_t lost_before = lost_log_lines();
    log_info("nobody hears");
    CHECK_EQ(lost_log_lines(), lost_before + 1);
    open_log("test", LogTarget::kSyslog, LogLevel::kInfo, std::string(200, 'x'));
    log_info("nobody hears");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_syslog_line),        TEST(test_syslog_nobody_reads), TEST(test_syslog_gone_and_back),
        TEST(test_syslog_never_there), TEST(test_pipe_nobody_reads),   TEST(test_stream_socket_nobody_reads),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
