// SPDX-License-Identifier: Apache-2.0
#include "console/socket_checks.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "base/unique_fd.hpp"
#include "check.hpp"
#include "planted.hpp"

namespace optimilter {
namespace {

UniqueFd bind_unix(const std::string& path, bool listening) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    CHECK_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    CHECK_EQ(::chmod(path.c_str(), 0600), 0);
    if (listening) CHECK_EQ(::listen(socket.get(), 0), 0);
    return socket;
}

SocketFinding look_at(const std::string& path, const Planted& planted) {
    return look_at_sockets({{"engine_socket", "unix:" + path, 0600u, "", ""}}, planted.path("proc")).at(0);
}

// One socket of each kind; the table of open sockets says what it would say then.
void test_answers() {
    const Planted planted;
    const std::string path = planted.path("a.sock");
    planted.file("proc/net/unix", "Num RefCount Protocol Flags Type St Inode Path\n");
    CHECK(look_at(path, planted).answer == SocketAnswer::kMissing);
    CHECK(look_at(planted.path("no/such/folder"), planted).answer == SocketAnswer::kMissing);
    planted.file("a.sock", "text");
    CHECK(look_at(path, planted).answer == SocketAnswer::kNoSocket);
    ::unlink(path.c_str());
    {
        const UniqueFd live = bind_unix(path, true);
        CHECK(look_at(path, planted).answer == SocketAnswer::kAnswers);
        CHECK(look_at(path, planted).state == CheckState::kOk);
        // Nobody accepts: the queue is full from the second on, and that is an answer, too.
        for (int i = 0; i < 4; ++i) CHECK(look_at(path, planted).answer == SocketAnswer::kAnswers);
    }
    CHECK(look_at(path, planted).answer == SocketAnswer::kStale);
    planted.file("proc/net/unix", "0000: 2 0 0 1 1 77 " + path + "\n");
    CHECK(look_at(path, planted).answer == SocketAnswer::kHeld);
    planted.file("proc/net/unix", "0000: 2 0 0 1 1 77 " + path + ".other\n");
    CHECK(look_at(path, planted).answer == SocketAnswer::kStale);
    // A link is not followed, wherever it leads.
    CHECK(::symlink(path.c_str(), planted.path("link").c_str()) == 0);
    CHECK(look_at(planted.path("link"), planted).answer == SocketAnswer::kNoSocket);
    CHECK(look_at("/" + std::string(200, 'x'), planted).answer != SocketAnswer::kAnswers);
}

void test_owner_and_mode() {
    const Planted planted;
    const std::string path = planted.path("a.sock");
    const UniqueFd live = bind_unix(path, true);
    ::chmod(path.c_str(), 0666);
    const auto mode = look_at(path, planted);
    CHECK(mode.state == CheckState::kWarn);
    CHECK_EQ(mode.reason, "answers, but mode 0666 instead of 0600");
    const auto user =
        look_at_sockets({{"listen", "unix:" + path, {}, "nobody-of-that-name", ""}}, "/proc").at(0);
    CHECK(user.state == CheckState::kWarn && user.reason.ends_with("instead of nobody-of-that-name"));
    const auto group = look_at_sockets({{"listen", "unix:" + path, {}, "", "no-such-group"}}, "/proc").at(0);
    CHECK(group.state == CheckState::kWarn && group.reason.ends_with("instead of no-such-group"));
    const Check check = socket_check({mode, user, group});
    CHECK(check.state == CheckState::kWarn);
    CHECK(check.reason.starts_with("engine_socket (unix:" + path + ") answers, but mode"));
}

void test_stale_is_removed_only_when_stale() {
    const Planted planted;
    const std::string path = planted.path("a.sock");
    planted.file("proc/net/unix", "");
    {
        const UniqueFd live = bind_unix(path, true);
        CHECK(!remove_stale_socket(path, planted.path("proc")));
        CHECK_EQ(::access(path.c_str(), F_OK), 0);
        CHECK(look_at(path, planted).answer == SocketAnswer::kAnswers);
    }
    planted.file("proc/net/unix", "0000: 2 0 0 1 1 77 " + path + "\n");
    CHECK(!remove_stale_socket(path, planted.path("proc")));
    CHECK_EQ(::access(path.c_str(), F_OK), 0);
    // A process that has bound it and does not listen yet, by the real table.
    {
        ::unlink(path.c_str());
        const UniqueFd bound = bind_unix(path, false);
        CHECK(!remove_stale_socket(path, "/proc"));
        CHECK_EQ(::access(path.c_str(), F_OK), 0);
    }
    CHECK(!remove_stale_socket(path, planted.path("no-proc")));
    planted.file("proc/net/unix", "");
    CHECK(remove_stale_socket(path, planted.path("proc")).has_value());
    CHECK(::access(path.c_str(), F_OK) != 0);
    CHECK(!remove_stale_socket(path, planted.path("proc")));
    planted.file("a.sock", "a file of somebody");
    CHECK(!remove_stale_socket(path, planted.path("proc")));
    CHECK_EQ(::access(path.c_str(), F_OK), 0);
}

void test_inet() {
    const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    CHECK_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    const std::string place = "inet:" + std::to_string(ntohs(address.sin_port)) + "@127.0.0.1";
    // Bound and not listening refuses.
    CHECK(look_at_sockets({{"listen", place, {}, "", ""}}, "/proc").at(0).state == CheckState::kFail);
    CHECK_EQ(::listen(listener.get(), 1), 0);
    CHECK(look_at_sockets({{"listen", place, {}, "", ""}}, "/proc").at(0).state == CheckState::kOk);
    CHECK(look_at_sockets({{"listen", "inet:1", {}, "", ""}}, "/proc").at(0).state == CheckState::kFail);
}

void test_places() {
    Settings settings;
    CHECK_EQ(socket_places(settings).size(), 4u);
    settings.control_socket = "";
    settings.guard_status_socket = "";
    settings.listen = "inet:8895@127.0.0.1";
    const auto places = socket_places(settings);
    CHECK_EQ(places.size(), 2u);
    CHECK_EQ(socket_path(places[0].address), "");
    CHECK_EQ(socket_path(places[1].address), "/run/optimilter/engine.sock");
    CHECK_EQ(socket_check({}).reason, "all 0 answer");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_answers), TEST(test_owner_and_mode), TEST(test_stale_is_removed_only_when_stale),
        TEST(test_inet),    TEST(test_places),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
