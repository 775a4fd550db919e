// SPDX-License-Identifier: Apache-2.0
#include "console/webhook.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

// A server of 127.0.0.1 that lets talk() speak with its first client, byte by byte.
class RawServer {
  public:
    using Talk = std::function<void(int fd, const std::atomic<bool>& ended)>;

    explicit RawServer(Talk talk) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        CHECK_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        CHECK_EQ(::listen(listener_.get(), 8), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ::ntohs(address.sin_port);
        thread_ = std::thread([this, talk = std::move(talk)] {
            pollfd waited{listener_.get(), POLLIN, 0};
            while (!ended_ && ::poll(&waited, 1, 20) != 1) continue;
            if (ended_) return;
            const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            talk(client.get(), ended_);
        });
    }
    ~RawServer() {
        ended_ = true;
        thread_.join();
    }
    std::string url(const std::string& path = "/hook") const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }

  private:
    UniqueFd listener_;
    unsigned port_ = 0;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

bool say(int fd, std::string_view text) {
    return ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

// Reads the request to its end: a body of two bytes.
std::string request(int fd) {
    std::string text;
    char bytes[4096];
    while (!text.ends_with("\r\n\r\n{}")) {
        const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) break;
        text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
}

// Says first, then the same piece for ever, one each wait_ms.
RawServer::Talk endless(std::string first, std::string piece, int wait_ms) {
    return [=](int fd, const std::atomic<bool>& ended) {
        request(fd);
        if (!say(fd, first)) return;
        while (!ended && say(fd, piece)) ::poll(nullptr, 0, wait_ms);
    };
}

void test_what_is_sent() {
    std::string got;
    {
        const RawServer server([&got](int fd, const std::atomic<bool>&) {
            got = request(fd);
            say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
        });
        CHECK(post_json(server.url("/a/b?c=d%20e"), "{}", 10'000).has_value());
    }
    CHECK(got.starts_with("POST /a/b?c=d%20e HTTP/1.1\r\n"), got);
    for (const char* field : {"\r\nContent-Type: application/json\r\n", "\r\nContent-Length: 2\r\n",
                              "\r\nHost: 127.0.0.1:", "\r\nUser-Agent: optimilter/"})
        CHECK(got.find(field) != std::string::npos, field);
}

// Whatever the other side does, it ends, in time, as a failure with words.
void test_servers_that_mean_no_good() {
    struct Case {
        std::string_view name;
        RawServer::Talk talk;
        ErrorCode want;
        std::int64_t limit_ms = 400;
    };
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    std::string many_headers;
    for (int i = 0; i < 500; ++i)
        many_headers += "X-" + std::to_string(i) + ": " + std::string(200, 'b') + "\r\n";
    const Case cases[] = {
        {"silent", endless("", "", 5), ErrorCode::kDeadline},
        {"header that drips", endless(ok + "X-A: ", "a", 5), ErrorCode::kDeadline},
        {"headers without end", endless(ok, "X-A: b\r\n", 0), ErrorCode::kDeadline},
#ifndef OPTIMILTER_SANITIZED
        {"headers that fill the memory", endless(ok, many_headers, 0), ErrorCode::kLimit, 60'000},
#endif
        {"status line that drips", endless("HTTP/1.1 2", "0", 5), ErrorCode::kDeadline},
        {"body that drips", endless(ok + "Content-Length: 60000\r\n\r\n", "a", 5), ErrorCode::kDeadline},
        {"body without end", endless(ok + "\r\n", std::string(4096, 'a'), 0), ErrorCode::kIo},
        {"chunks without end",
         endless(ok + "Transfer-Encoding: chunked\r\n\r\n", "1000\r\n" + std::string(4096, 'a') + "\r\n", 0),
         ErrorCode::kIo},
        {"no HTTP", endless("220 mail.test ESMTP\r\n", "", 1000), ErrorCode::kIo},
        {"hangs up", [](int, const std::atomic<bool>&) {}, ErrorCode::kIo},
        {"hangs up in the middle",
         [](int fd, const std::atomic<bool>&) {
             request(fd);
             say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
         },
         ErrorCode::kIo},
        {"moved",
         [](int fd, const std::atomic<bool>&) {
             request(fd);
             say(fd, "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
         },
         ErrorCode::kRefused},
        {"refuses",
         [](int fd, const std::atomic<bool>&) {
             request(fd);
             say(fd, "HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n");
         },
         ErrorCode::kRefused},
    };
    for (const Case& c : cases) {
        const RawServer server(c.talk);
        const Stopwatch watch;
        const Status sent = post_json(server.url("/s3cret"), "{}", c.limit_ms);
        CHECK(!sent, c.name);
        CHECK(sent.error().code == c.want, std::string(c.name) + ": " + sent.error().text);
        CHECK(watch.elapsed_ms() < 30'000, c.name);
        CHECK(sent.error().text.find("s3cret") == std::string::npos, c.name);
    }
}

void test_nobody_there() {
    for (const char* url : {"http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http://[::1]:1"}) {
        const Status sent = post_json(url, "{}", 5000);
        CHECK(!sent && sent.error().code == ErrorCode::kIo, url);
    }
}

void test_origin() {
    CHECK_EQ(url_origin("https://a.test:8443/x?y"), "https://a.test:8443");
    CHECK_EQ(url_origin("http://a.test?y"), "http://a.test");
    CHECK_EQ(url_origin("http://[::1]:80"), "http://[::1]:80");
    CHECK_EQ(url_origin(""), "");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_what_is_sent),
        TEST(test_servers_that_mean_no_good),
        TEST(test_nobody_there),
        TEST(test_origin),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
