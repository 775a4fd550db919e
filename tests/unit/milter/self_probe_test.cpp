// SPDX-License-Identifier: Apache-2.0
//
// The probe against milter sockets that answer, answer nonsense, or do not answer.
#include "milter/self_probe.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.hpp"

namespace optimilter {
namespace {

// libmilter's place, without libmilter.
struct Fixture {
    Fixture() {
        const auto resolved = resolve_address("unix:" + path);
        CHECK(resolved.has_value());
        address = *resolved;
    }
    ~Fixture() { ::unlink(path.c_str()); }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    void listen() {
        Result<UniqueFd> opened = listen_on(address, {});
        CHECK(opened.has_value());
        listener = std::move(*opened);
    }
    void accept() { peer.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)); }
    std::string received() const {
        char bytes[512];
        const ssize_t size = ::recv(peer.get(), bytes, sizeof bytes, MSG_DONTWAIT);
        return size < 0 ? std::string("<nothing>") : std::string(bytes, static_cast<std::size_t>(size));
    }
    void send(std::string_view text) const {
        CHECK_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL),
                 static_cast<ssize_t>(text.size()));
    }

    std::string path = fmt::format("/tmp/optimilter-probe-test.{}", ::getpid());
    SocketAddress address;
    UniqueFd listener, peer;
};

// Waits as the engine's loop does, until the probe has ended.
bool outcome(SelfProbe& probe) {
    for (;;) {
        std::vector<pollfd> descriptors;
        probe.watch(descriptors);
        ::poll(descriptors.data(), descriptors.size(), static_cast<int>(probe.next_due().remaining_ms()) + 1);
        if (const auto ended = probe.serve()) return *ended;
    }
}

using namespace std::string_view_literals;
constexpr std::string_view kOffer = "\0\0\0\x0dO\0\0\0\6\0\0\0\2\0\0\0\0"sv;
constexpr std::string_view kAnswer = "\0\0\0\x0dO\0\0\0\6\0\0\0\2\0\0\0\0"sv;

void test_answer() {
    Fixture f;
    f.listen();
    SelfProbe probe(f.address);
    CHECK(!probe.serve().has_value());
    probe.begin();
    CHECK(probe.running());
    CHECK(!probe.serve().has_value());
    f.accept();
    CHECK_EQ(f.received(), kOffer);
    f.send(kAnswer);
    const auto ended = probe.serve();
    CHECK(ended.has_value() && *ended);
    CHECK(!probe.running());
    CHECK_EQ(f.received(), "\0\0\0\1Q"sv);
    CHECK_EQ(f.received(), "");  // and closed
}

void test_answer_in_pieces() {
    Fixture f;
    f.listen();
    SelfProbe probe(f.address);
    probe.begin();
    probe.serve();
    f.accept();
    for (std::size_t i = 0; i + 1 < kAnswer.size(); ++i) {
        f.send(kAnswer.substr(i, 1));
        CHECK(!probe.serve().has_value());
    }
    f.send(kAnswer.substr(kAnswer.size() - 1));
    CHECK(outcome(probe));
}

void test_what_is_no_answer() {
    struct Case {
        const char* name;
        std::string_view answer;
        bool hangs_up;
    };
    for (const Case& row : {Case{"silence", ""sv, false},
                            {"hung up", ""sv, true},
                            {"half an answer, then hung up", kAnswer.substr(0, 9), true},
                            {"another command",
                             "\0\0\0\x0d"
                             "c\0\0\0\6\0\0\0\2\0\0\0\0"sv,
                             false},
                            {"too short", "\0\0\0\5O\0\0\0\6"sv, false},
                            {"length 0", "\0\0\0\0O"sv, false},
                            {"endless length", "\xff\xff\xff\xffO"sv, false}}) {
        Fixture f;
        f.listen();
        SelfProbe probe(f.address);
        probe.begin();
        probe.serve();
        f.accept();
        if (!row.answer.empty()) f.send(row.answer);
        if (row.hangs_up) f.peer.reset();
        CHECK(!outcome(probe), row.name);
        CHECK(!probe.running(), row.name);
    }
}

void test_nobody_there() {
    Fixture f;
    SelfProbe probe(f.address);
    probe.begin();
    CHECK(!outcome(probe));
    f.listen();
    f.listener.reset();  // the file stays
    probe.begin();
    CHECK(!outcome(probe));
}

// A probe that failed leaves nothing behind for the next.
void test_well_again() {
    Fixture f;
    f.listen();
    SelfProbe probe(f.address);
    probe.begin();
    probe.serve();
    f.accept();
    f.send(kAnswer.substr(0, 9));
    f.peer.reset();
    CHECK(!outcome(probe));
    probe.begin();
    probe.serve();
    f.accept();
    f.send(kAnswer);
    CHECK(outcome(probe));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_answer), TEST(test_answer_in_pieces), TEST(test_what_is_no_answer),
                                TEST(test_nobody_there), TEST(test_well_again)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
