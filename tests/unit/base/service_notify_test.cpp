// SPDX-License-Identifier: Apache-2.0
#include "base/service_notify.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

// An environment variable for as long as a test needs it; nullptr: not set.
class Variable {
  public:
    Variable(const char* name, const char* value) : name_(name) {
        value == nullptr ? ::unsetenv(name) : ::setenv(name, value, 1);
    }
    ~Variable() { ::unsetenv(name_); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

  private:
    const char* name_;
};

// What systemd is to us: a datagram socket with a name. A name that begins with '@' is abstract.
class Listener {
  public:
    explicit Listener(std::string name) : name_(std::move(name)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name_.data(), name_.size());
        const bool abstract = name_[0] == '@';
        if (abstract) address.sun_path[0] = '\0';
        const std::size_t size = offsetof(sockaddr_un, sun_path) + name_.size() + (abstract ? 0 : 1);
        CHECK_EQ(
            ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)),
            0, name_);
    }
    ~Listener() {
        if (name_[0] == '/') ::unlink(name_.c_str());
    }
    const char* name() const { return name_.c_str(); }
    // The next datagram; empty: none is there.
    std::string received() const {
        char text[4096];
        const ssize_t length = ::recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
        return length < 0 ? std::string() : std::string(text, static_cast<std::size_t>(length));
    }

  private:
    std::string name_;
    UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

std::string unique_name(std::string_view before) {
    return fmt::format("{}optimilter-notify-test.{}", before, ::getpid());
}

void test_arrives_by_path_and_by_abstract_name() {
    for (const std::string_view before : {"/tmp/", "@"}) {
        const Listener listener(unique_name(before));
        const Variable set("NOTIFY_SOCKET", listener.name());
        CHECK(notify_service("READY=1\nSTATUS=all well"), before);
        CHECK(notify_service("WATCHDOG=1"), before);
        CHECK_EQ(listener.received(), "READY=1\nSTATUS=all well", before);
        CHECK_EQ(listener.received(), "WATCHDOG=1", before);
        CHECK_EQ(listener.received(), "", before);
    }
}

void test_nobody_to_tell() {
    struct Case {
        const char* name;
        const char* socket;
    };
    const std::string too_long = '/' + std::string(200, 'x');
    const std::string too_long_abstract = '@' + std::string(107, 'x');
    for (const Case& row : {Case{"not set", nullptr},
                            {"empty", ""},
                            {"a bare slash", "/"},
                            {"a bare at", "@"},
                            {"relative", "run/notify"},
                            {"vsock", "vsock:2:1234"},
                            {"too long", too_long.c_str()},
                            {"abstract, too long", too_long_abstract.c_str()},
                            {"no such file", "/nonexistent/notify"},
                            {"a file that is no socket", "/etc/passwd"},
                            {"abstract, nobody listens", "@optimilter-nobody-listens-here"}}) {
        const Variable set("NOTIFY_SOCKET", row.socket);
        CHECK(!notify_service("READY=1"), row.name);
    }
}

// A reader that has stopped must not stop us.
void test_full_socket_drops() {
    const Listener listener(unique_name("@"));
    const Variable set("NOTIFY_SOCKET", listener.name());
    int sent = 0;
    while (sent < 100'000 && notify_service("WATCHDOG=1")) ++sent;
    CHECK(sent > 0 && sent < 100'000);
    CHECK_EQ(listener.received(), "WATCHDOG=1");
    CHECK(notify_service("WATCHDOG=1"));
}

void test_no_descriptor_leaks() {
    const int before = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(before);
    const Listener listener(unique_name("@"));
    const Variable set("NOTIFY_SOCKET", listener.name());
    for (int i = 0; i < 5; ++i) notify_service("STATUS=x");
    const int after = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(after);
    CHECK_EQ(after, before + 1);  // the listener's own
}

void test_watchdog_interval() {
    struct Case {
        const char* name;
        const char* interval_us;
        const char* pid;
        std::int64_t want_ms;  // 0: nobody watches
    };
    const std::string own = std::to_string(::getpid());
    const std::string other = std::to_string(::getppid());
    for (const Case& row : {Case{"not set", nullptr, nullptr, 0},
                            {"no pid", "30000000", nullptr, 30'000},
                            {"our pid", "30000000", own.c_str(), 30'000},
                            {"another's pid", "30000000", other.c_str(), 0},
                            {"empty pid", "30000000", "", 0},
                            {"pid is no number", "30000000", "me", 0},
                            {"empty", "", nullptr, 0},
                            {"zero", "0", nullptr, 0},
                            {"negative", "-5000000", nullptr, 0},
                            {"under a millisecond", "999", nullptr, 0},
                            {"a millisecond", "1000", nullptr, 1},
                            {"trailing text", "30000000us", nullptr, 0},
                            {"leading blank", " 3000", nullptr, 0},
                            {"too large", "99999999999999999999", nullptr, 0}}) {
        const Variable interval("WATCHDOG_USEC", row.interval_us);
        const Variable pid("WATCHDOG_PID", row.pid);
        CHECK_EQ(watchdog_interval().value_or(0), row.want_ms, row.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_arrives_by_path_and_by_abstract_name), TEST(test_nobody_to_tell),
                                TEST(test_full_socket_drops), TEST(test_no_descriptor_leaks),
                                TEST(test_watchdog_interval)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
