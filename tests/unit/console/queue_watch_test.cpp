// SPDX-License-Identifier: Apache-2.0
//
// What the watch says and how often it counts, and its way to an engine that comes and goes. Its loop is
// tried in tests/e2e.
#include "console/queue_watch.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "check.hpp"
#include "planted_queue.hpp"

namespace optimilter {
namespace {

void test_counts_line() {
    QueueRecord record;
    CHECK_EQ(QueueWatch::counts_line(record), "incoming 0, active 0, deferred 0, hold 0");
    record.incoming = 2;
    record.incoming_oldest_ms = 1999;
    record.active = 40;
    record.active_oldest_ms = 12'000;
    record.deferred = 300;
    record.problem = "/q/hold cannot be read: x";
    CHECK_EQ(
        QueueWatch::counts_line(record),
        "incoming 2 (oldest 1 s), active 40 (oldest 12 s), deferred 300, hold 0; /q/hold cannot be read: x");
}

// At most 2 percent of a CPU, at most 20 seconds.
void test_pause() {
    struct Case {
        const char* name;
        std::int64_t interval_ms;
        double cost_ms, cost_before_ms;
        std::int64_t want;
    };
    for (const Case& row : {Case{"costs nothing", 1000, 0, 0, 1000},
                            {"10 000 messages", 1000, 7, 7, 1000},
                            {"just allowed", 1000, 20, 20, 1000},
                            {"100 000 messages", 1000, 60, 61, 3000},
                            {"disturbed once", 1000, 400, 7, 1000},
                            {"and quiet again", 1000, 7, 400, 1000},
                            {"short interval", 200, 7, 7, 350},
                            {"no end of it", 1000, 1e9, 1e9, 20'000},
                            {"long interval", 60'000, 60, 60, 60'000}})
        CHECK_EQ(QueueWatch::pause_ms(row.interval_ms, row.cost_ms, row.cost_before_ms), row.want, row.name);
}

UniqueFd engine_at(const std::string& path) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    CHECK_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
}

void test_engine_comes_and_goes() {
    const PlantedQueue folder;
    const std::string path = folder.path("queue.sock");
    QueueSender sender(path);
    const auto send = [&] {
        sender.send(QueueRecord());
        return sender.problem();
    };
    CHECK(send().starts_with("no engine is behind "));
    CHECK(sender.take_change());
    CHECK(!send().empty());
    CHECK(!sender.take_change());
    {
        const UniqueFd engine = engine_at(path);
        CHECK_EQ(send(), "");
        CHECK(sender.take_change());
        Bytes bytes(1000);
        CHECK_EQ(::recv(engine.get(), bytes.data(), bytes.size(), 0),
                 static_cast<ssize_t>(kQueueRecordBytes));
        CHECK_EQ(send(), "");
        CHECK(!sender.take_change());
    }
    CHECK(send().starts_with("no engine is behind "));  // its file is still there
    CHECK(sender.take_change());
    folder.remove("queue.sock");
    const UniqueFd again = engine_at(path);
    CHECK_EQ(send(), "");
    CHECK(sender.take_change());
}

// It hangs: its socket fills, we go on, and go on at once.
void test_engine_does_not_read() {
    const PlantedQueue folder;
    const UniqueFd engine = engine_at(folder.path("queue.sock"));
    QueueSender sender(folder.path("queue.sock"));
    for (int i = 0; i < 100'000 && (i == 0 || sender.problem().empty()); ++i) sender.send(QueueRecord());
    CHECK(sender.problem().starts_with("the engine does not read "));
}

void test_no_engine_wanted() {
    QueueSender none("");
    none.send(QueueRecord());
    CHECK_EQ(none.problem(), "the setting queue_socket is empty");
    QueueSender long_path("/" + std::string(200, 'x'));
    long_path.send(QueueRecord());
    CHECK_EQ(long_path.problem(), "queue_socket is too long for a socket");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_counts_line), TEST(test_pause), TEST(test_engine_comes_and_goes),
                                TEST(test_engine_does_not_read), TEST(test_no_engine_wanted)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
