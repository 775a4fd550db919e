// SPDX-License-Identifier: Apache-2.0
//
// The control socket against clients that mean well and others. The test is both sides: it calls serve()
// itself.
#include "milter/control_socket.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <list>

#include "check.hpp"

namespace optimilter {
namespace {

struct Fixture {
    Fixture() {
        char name[] = "/tmp/optimilter-control-test.XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        folder = name;
        settings.control_socket = folder + "/control.sock";
    }
    ~Fixture() { std::filesystem::remove_all(folder); }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    ControlSocket opened() {
        Result<UniqueFd> listener = ControlSocket::open(settings);
        CHECK(listener.has_value());
        return ControlSocket(std::move(*listener), settings.control_socket,
                             [this](std::string_view line, uid_t uid) {
                                 lines.emplace_back(line);
                                 uids.push_back(uid);
                                 return answer;
                             });
    }
    UniqueFd client() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, settings.control_socket.c_str(), settings.control_socket.size() + 1);
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        CHECK(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }

    std::string folder;
    Settings settings;
    std::string answer = "{}\n";
    std::vector<std::string> lines;
    std::vector<uid_t> uids;
};

void say(const UniqueFd& fd, std::string_view text) {
    CHECK_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// What has arrived. Closed by the other side (with or without a reset): an end mark.
std::string heard(const UniqueFd& fd) {
    std::string all;
    char bytes[65536];
    for (;;) {
        const ssize_t size = ::recv(fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN) return all;
        if (size <= 0) return all + "<end>";
        all.append(bytes, static_cast<std::size_t>(size));
    }
}

void test_a_line_an_answer_the_end() {
    Fixture f;
    ControlSocket control = f.opened();
    const UniqueFd client = f.client();
    say(client, "status\n");
    control.serve();
    CHECK_EQ(heard(client), "{}\n<end>");
    CHECK(f.lines == std::vector<std::string>{"status"});
    CHECK(f.uids == std::vector<uid_t>{::getuid()});
    CHECK_EQ(control.clients(), 0u);
}

void test_lines() {
    const std::string longest(ControlSocket::kLongestLine, 'x');
    struct Case {
        const char* name;
        std::string sent;
        bool hangs_up;  // the client, its half
        std::string want_line;
        const char* want_heard;
    };
    const std::string binary("a\0\xff\x80 b", 6);
    for (const Case& row : {
             Case{"CR LF", "status\r\n", false, "status", "{}\n<end>"},
             {"no line end, but the end", "status", true, "status", "{}\n<end>"},
             {"empty line", "\n", false, "", "{}\n<end>"},
             {"more than a line", "drain\nresume\n", false, "drain", "{}\n<end>"},
             {"binary", binary + "\n", false, binary, "{}\n<end>"},
             {"as long as may be", longest + "\n", false, longest, "{}\n<end>"},
             {"too long", longest + "x\n", false, "none", "{\"error\":\"the line is too long\"}\n<end>"},
             {"too long, and no end", std::string(100'000, 'x'), false, "none",
              "{\"error\":\"the line is too long\"}\n<end>"},
             {"nothing, and the end", "", true, "none", "<end>"},
             {"half a line", "stat", false, "none", ""},
         }) {
        Fixture f;
        ControlSocket control = f.opened();
        const UniqueFd client = f.client();
        if (!row.sent.empty()) say(client, row.sent);
        if (row.hangs_up) ::shutdown(client.get(), SHUT_WR);
        for (int round = 0; round < 3; ++round) control.serve();
        CHECK_EQ(heard(client), row.want_heard, row.name);
        CHECK_EQ(f.lines.empty() ? "none" : f.lines[0], row.want_line, row.name);
        CHECK(f.lines.size() <= 1, row.name);
    }
}

void test_line_in_pieces() {
    Fixture f;
    ControlSocket control = f.opened();
    const UniqueFd client = f.client();
    for (const char c : std::string_view("status")) {
        say(client, {&c, 1});
        control.serve();
        CHECK(f.lines.empty());
    }
    say(client, "\n");
    control.serve();
    CHECK(f.lines == std::vector<std::string>{"status"});
}

// The loop's own wait, as long as it allows.
void serve_when_due(ControlSocket& control) {
    const Deadline due = control.next_due();
    while (!due.expired()) ::poll(nullptr, 0, static_cast<int>(due.remaining_ms()) + 1);
    control.serve();
}

// Silent clients fill every place; the next one is served as soon as they have had their time for a line.
void test_silent_clients_keep_nobody_out() {
    Fixture f;
    ControlSocket control = f.opened();
    std::list<UniqueFd> silent;
    for (std::size_t i = 0; i < ControlSocket::kMostClients + 5; ++i) {
        silent.push_back(f.client());
        control.serve();
        CHECK(control.clients() <= ControlSocket::kMostClients);
    }
    CHECK_EQ(heard(silent.front()), "");  // it may still say something
    std::vector<pollfd> watched;
    control.watch(watched);
    CHECK_EQ(watched.size(), ControlSocket::kMostClients);  // waits for room, not for the listener
    CHECK(control.next_due().remaining_ms() <= ControlSocket::kPatienceMs);
    const UniqueFd client = f.client();
    say(client, "status\n");
    serve_when_due(control);
    CHECK_EQ(heard(silent.front()), "<end>");
    CHECK_EQ(heard(client), "{}\n<end>");
}

// Whoever has said a line gets the answer, however many come behind and however late we look.
void test_a_flood_pushes_out_nobody_who_spoke() {
    Fixture f;
    ControlSocket control = f.opened();
    const UniqueFd early = f.client();
    std::list<UniqueFd> flood;
    for (std::size_t i = 1; i < ControlSocket::kMostClients; ++i) flood.push_back(f.client());
    control.serve();
    const Deadline patient = control.next_due();
    for (std::size_t i = 0; i < ControlSocket::kMostClients; ++i) flood.push_back(f.client());
    control.serve();
    CHECK_EQ(heard(early), "");
    while (!patient.expired()) ::poll(nullptr, 0, static_cast<int>(ControlSocket::kPatienceMs) + 1);
    say(early, "status\n");
    control.serve();
    CHECK_EQ(heard(early), "{}\n<end>");
}

void test_time_is_bounded() {
    Fixture f;
    ControlSocket control = f.opened();
    CHECK_EQ(control.next_due().remaining_ms(), Deadline().remaining_ms());
    const UniqueFd client = f.client();
    control.serve();
    CHECK(control.next_due().remaining_ms() <= ControlSocket::kClientTimeMs);
    const Deadline due = control.next_due();
    while (!due.expired()) ::poll(nullptr, 0, static_cast<int>(due.remaining_ms()) + 1);
    control.serve();
    CHECK_EQ(control.clients(), 0u);
    CHECK_EQ(heard(client), "<end>");
}

// Who does not read gets what fits; who reads later gets all.
void test_answer_larger_than_the_buffer() {
    Fixture f;
    f.answer = std::string(4 << 20, 'y');
    ControlSocket control = f.opened();
    const UniqueFd client = f.client();
    say(client, "status\n");
    control.serve();
    CHECK_EQ(control.clients(), 1u);
    std::string all;
    for (int round = 0; round < 10'000 && !all.ends_with("<end>"); ++round) {
        all += heard(client);
        control.serve();
    }
    CHECK_EQ(all.size(), f.answer.size() + 5);
    CHECK_EQ(f.lines.size(), 1u);
}

void test_client_that_leaves() {
    Fixture f;
    ControlSocket control = f.opened();
    {
        const UniqueFd client = f.client();
        say(client, "status\n");
    }
    control.serve();
    control.serve();
    CHECK_EQ(control.clients(), 0u);
}

// Permissions are there before anybody can connect, and a stale file is replaced, but not a live one.
void test_opening() {
    Fixture f;
    {
        const ControlSocket first = f.opened();
        struct stat found {};
        CHECK_EQ(::stat(f.settings.control_socket.c_str(), &found), 0);
        CHECK_EQ(found.st_mode & 07777, 0660u);
        CHECK(ControlSocket::open(f.settings).error().code == ErrorCode::kRefused);
    }
    CHECK(std::filesystem::exists(f.settings.control_socket));  // as a killed engine leaves it
    const ControlSocket second = f.opened();
    second.remove();
    CHECK(!std::filesystem::exists(f.settings.control_socket));
}

void test_what_cannot_be_opened() {
    Fixture f;
    struct Case {
        const char* name;
        std::string path;
        const char* group;
    };
    for (const Case& row : {Case{"no such folder", f.folder + "/no/control.sock", ""},
                            {"too long", "/" + std::string(200, 'x'), ""},
                            {"a folder is there", f.folder, ""},
                            {"unknown group", f.folder + "/c.sock", "no-such-group"}}) {
        f.settings.control_socket = row.path;
        f.settings.control_group = row.group;
        CHECK(!ControlSocket::open(f.settings).has_value(), row.name);
    }
}

void test_none_wanted() {
    Fixture f;
    f.settings.control_socket.clear();
    ControlSocket control = f.opened();
    std::vector<pollfd> descriptors;
    control.watch(descriptors);
    control.serve();
    control.remove();
    CHECK(descriptors.empty());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_a_line_an_answer_the_end),
        TEST(test_lines),
        TEST(test_line_in_pieces),
        TEST(test_silent_clients_keep_nobody_out),
        TEST(test_a_flood_pushes_out_nobody_who_spoke),
        TEST(test_time_is_bounded),
        TEST(test_answer_larger_than_the_buffer),
        TEST(test_client_that_leaves),
        TEST(test_opening),
        TEST(test_what_cannot_be_opened),
        TEST(test_none_wanted),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
