// SPDX-License-Identifier: Apache-2.0
//
// query_process() against sockets that answer, stay silent, never end, are not there, or are not for us.
#include "console/process_client.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kSoon = 200;  // ms, where silence is what is tested

// A process of ours: takes one client and does with it what the test wants, in a thread.
class FakeProcess {
  public:
    explicit FakeProcess(std::function<void(int)> serve) : folder_(make_folder()) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size() + 1);
        CHECK_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        CHECK_EQ(::listen(listener_.get(), 1), 0);
        thread_ = std::thread([this, serve = std::move(serve)] {
            const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (client) serve(client.get());
        });
    }
    ~FakeProcess() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
        std::filesystem::remove_all(folder_);
    }
    FakeProcess(const FakeProcess&) = delete;
    FakeProcess& operator=(const FakeProcess&) = delete;
    std::string path() const { return folder_ + "/process.sock"; }

  private:
    static std::string make_folder() {
        char name[] = "/tmp/optimilter-client-test.XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        return name;
    }
    std::string folder_;
    UniqueFd listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::thread thread_;
};

void say(int fd, std::string_view text) {
    [[maybe_unused]] const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

std::string line_from(int fd) {
    std::string line;
    char c = 0;
    while (::recv(fd, &c, 1, 0) == 1 && c != '\n') line += c;
    return line;
}

void wait_for_the_end(int fd) {
    char bytes[512];
    while (::recv(fd, bytes, sizeof bytes, 0) > 0) continue;
}

void test_line_and_answer() {
    const FakeProcess process([](int fd) { say(fd, "you said " + line_from(fd)); });
    const ProcessReply reply = query_process(process.path(), "status");
    CHECK(reply.reach == Reach::kAnswered);
    CHECK_EQ(reply.text, "you said status");
}

void test_answer_without_a_question() {
    const FakeProcess process([](int fd) {
        say(fd, "one ");
        say(fd, std::string(100'000, 'x'));
        say(fd, " two");
    });
    const ProcessReply reply = query_process(process.path(), {});
    CHECK(reply.reach == Reach::kAnswered);
    CHECK_EQ(reply.text, "one " + std::string(100'000, 'x') + " two");
}

// Unread bytes of ours make the kernel end the connection by a reset; what came before it counts.
void test_answer_and_reset() {
    const FakeProcess process([](int fd) { say(fd, "{}"); });
    const ProcessReply reply = query_process(process.path(), "status");
    CHECK(reply.reach == Reach::kAnswered);
    CHECK_EQ(reply.text, "{}");
}

void test_what_is_no_answer() {
    struct Case {
        const char* name;
        std::function<void(int)> serve;
        const char* want;
    };
    const Case cases[] = {
        {"silent", wait_for_the_end, "no answer in time"},
        {"half an answer, then silent",
         [](int fd) {
             say(fd, "{\"process\":");
             wait_for_the_end(fd);
         },
         "no answer in time"},
        {"hangs up", [](int) {}, "it hung up without an answer"},
        {"endless",
         [](int fd) {
             const std::string block(65536, 'x');
             while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) continue;
         },
         "its answer has no end"},
    };
    for (const Case& row : cases) {
        const FakeProcess process(row.serve);
        const ProcessReply reply =
            query_process(process.path(), {}, std::string_view(row.name) == "endless" ? 60'000 : kSoon);
        CHECK(reply.reach == Reach::kNotAnswering, row.name);
        CHECK_EQ(reply.text, row.want, row.name);
    }
}

void test_not_there() {
    const FakeProcess process([](int) {});
    for (const std::string& path : {std::string("/nonexistent/x.sock"), process.path() + "/x",
                                    std::string("/etc/passwd"), "/" + std::string(300, 'x'), std::string()}) {
        const ProcessReply reply = query_process(path, "status");
        CHECK(reply.reach == Reach::kNotRunning, path);
        CHECK(!reply.text.empty(), path);
    }
}

void test_nobody_behind_it() {
    std::string path;
    std::string folder;
    {
        const FakeProcess process([](int) {});
        path = process.path();
        folder = path.substr(0, path.rfind('/')) + ".left";
        std::filesystem::create_directory(folder);
        std::filesystem::rename(path, folder + "/process.sock");
    }
    const ProcessReply reply = query_process(folder + "/process.sock", {});
    std::filesystem::remove_all(folder);
    CHECK(reply.reach == Reach::kNotRunning);
    CHECK(reply.text.starts_with("nobody is behind "));
}

// Root may open everything, so the asking is done by a child that is nobody.
void test_not_ours_to_open() {
    for (const bool folder_closed : {false, true}) {
        const FakeProcess process([](int) {});
        const std::string folder = process.path().substr(0, process.path().rfind('/'));
        ::chmod(folder.c_str(), folder_closed ? 0700 : 0755);
        ::chmod(process.path().c_str(), 0660);
        if (::geteuid() != 0) ::chmod(folder_closed ? folder.c_str() : process.path().c_str(), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
            const ProcessReply reply = query_process(process.path(), "status");
            const bool told = reply.text.find("is open to root and to group ") != std::string::npos;
            ::_exit(reply.reach == Reach::kNotAllowed && told ? 0 : 1);
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        ::chmod(folder.c_str(), 0755);
        CHECK_EQ(status, 0, folder_closed ? "folder" : "socket");
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_line_and_answer),  TEST(test_answer_without_a_question),
                                TEST(test_answer_and_reset), TEST(test_what_is_no_answer),
                                TEST(test_not_there),        TEST(test_nobody_behind_it),
                                TEST(test_not_ours_to_open)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
