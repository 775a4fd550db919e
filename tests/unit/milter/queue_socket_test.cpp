// SPDX-License-Identifier: Apache-2.0
//
// The queue socket against senders that mean well and others. The test is both sides: it calls serve()
// itself.
#include "milter/queue_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "check.hpp"

namespace optimilter {
namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

struct Fixture {
    Fixture() {
        char name[] = "/tmp/optimilter-queue-test.XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        folder = name;
        settings.queue_socket = folder + "/queue.sock";
    }
    ~Fixture() { std::filesystem::remove_all(folder); }
    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    QueueSocket opened() const { return QueueSocket(QueueSocket::open(settings), settings.queue_socket); }
    // false: the socket takes no more at the moment.
    bool send(ByteView bytes) const {
        const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const sockaddr_un to = address_of(settings.queue_socket);
        return ::sendto(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&to),
                        sizeof to) == static_cast<ssize_t>(bytes.size());
    }

    std::string folder;
    Settings settings;
};

QueueRecord record_of(std::uint64_t active) {
    QueueRecord record;
    record.folders_read = 2;
    record.active = active;
    return record;
}

void test_a_record_arrives() {
    Fixture f;
    QueueSocket queue = f.opened();
    std::vector<pollfd> descriptors;
    queue.watch(descriptors);
    CHECK_EQ(descriptors.size(), 1u);
    CHECK_EQ(::poll(descriptors.data(), 1, 0), 0);
    CHECK(f.send(write_queue_record(record_of(7))));
    CHECK_EQ(::poll(descriptors.data(), 1, 0), 1);
    queue.serve();
    CHECK_EQ(queue.monitor().latest(QueueSocket::clock_ms())->active, 7u);
    CHECK_EQ(queue.next_due().remaining_ms(), Deadline().remaining_ms());
}

void test_what_is_no_record() {
    Fixture f;
    QueueSocket queue = f.opened();
    const Bytes good = write_queue_record(record_of(7));
    Bytes longer = good, other = good;
    longer.push_back(0);
    other[4] = 9;
    const std::vector<Bytes> bad = {{},     {0},   Bytes(good.begin(), good.end() - 1),
                                    longer, other, Bytes(60'000)};
    for (const Bytes& bytes : bad) CHECK(f.send(bytes));
    queue.serve();
    CHECK_EQ(queue.monitor().refused(), bad.size());
    CHECK_EQ(queue.monitor().why_off(0), "no sample has come yet");
    CHECK(f.send(good));
    queue.serve();
    CHECK_EQ(queue.monitor().taken(), 1u);
}

// However fast somebody sends: a bounded number is read a round, and then nobody is woken until the next.
void test_flood() {
    Fixture f;
    QueueSocket queue = f.opened();
    const Deadline end = Deadline::in_ms(350);
    const Stopwatch clock;
    while (!end.expired()) {
        while (f.send(Bytes(10))) {
        }
        queue.serve();
    }
    const double rounds = clock.elapsed_ms() / static_cast<double>(QueueSocket::kRoundMs) + 1;
    CHECK(queue.monitor().refused() >= static_cast<std::uint64_t>(QueueSocket::kMostInARound));
    CHECK(static_cast<double>(queue.monitor().refused()) <= rounds * QueueSocket::kMostInARound);
}

void test_a_flood_wakes_nobody_until_the_next_round() {
    Fixture f;
    QueueSocket queue = f.opened();
    std::vector<pollfd> descriptors;
    for (int sent = 0; sent < QueueSocket::kMostInARound; ++sent) {
        // The kernel holds few datagrams for a socket, so they are read as they come; a slow machine may see
        // a round end meanwhile and then takes longer to be paused.
        CHECK(f.send(Bytes(10)));
        queue.serve();
    }
    for (int more = 0; more < 10'000 && queue.next_due().at() == Deadline().at(); ++more) {
        f.send(Bytes(10));
        queue.serve();
    }
    queue.watch(descriptors);
    CHECK(descriptors.empty());
    CHECK(queue.next_due().remaining_ms() <= QueueSocket::kRoundMs);
    const Deadline next = queue.next_due();
    while (!next.expired()) ::poll(nullptr, 0, static_cast<int>(next.remaining_ms()) + 1);
    queue.serve();
    CHECK(f.send(write_queue_record(record_of(3))));
    queue.serve();
    CHECK_EQ(queue.monitor().latest(QueueSocket::clock_ms())->active, 3u);
    queue.watch(descriptors);
    CHECK_EQ(descriptors.size(), 1u);
}

void test_opening() {
    Fixture f;
    {
        const QueueSocket first = f.opened();
        struct stat found {};
        CHECK_EQ(::stat(f.settings.queue_socket.c_str(), &found), 0);
        CHECK_EQ(found.st_mode & 07777, 0620u);
        CHECK(QueueSocket::open(f.settings).why_not.ends_with("is in use by another process"));
        CHECK(f.send(write_queue_record(record_of(1))));  // and stays where it is
    }
    CHECK(std::filesystem::exists(f.settings.queue_socket));  // as a killed engine leaves it
    const QueueSocket second = f.opened();
    CHECK(f.send(write_queue_record(record_of(1))));
    second.remove();
    CHECK(!std::filesystem::exists(f.settings.queue_socket));
}

// A socket of another kind that somebody serves is left alone, too.
void test_a_stream_socket_is_there() {
    Fixture f;
    const UniqueFd other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_of(f.settings.queue_socket);
    CHECK_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    CHECK_EQ(::listen(other.get(), 1), 0);
    CHECK(QueueSocket::open(f.settings).why_not.ends_with("is in use by another process"));
}

void test_what_cannot_be_opened() {
    Fixture f;
    struct Case {
        const char* name;
        std::string path;
        const char* group;
        const char* want;
    };
    for (const Case& row :
         {Case{"no such folder", f.folder + "/no/q.sock", "", "No such file"},
          {"too long", "/" + std::string(200, 'x'), "", "is too long"},
          {"a folder is there", f.folder, "", "in use"},
          {"unknown group", f.folder + "/q.sock", "no-such-group", "no-such-group is not known"},
          {"none wanted", "", "", "the setting queue_socket is empty"}}) {
        f.settings.queue_socket = row.path;
        f.settings.queue_group = row.group;
        QueueSocket queue = f.opened();
        CHECK(queue.monitor().why_off(0).find(row.want) != std::string::npos, row.name);
        std::vector<pollfd> descriptors;
        queue.watch(descriptors);
        queue.serve();
        queue.remove();
        CHECK(descriptors.empty(), row.name);
        CHECK(!queue.monitor().latest(0), row.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_a_record_arrives),
                                TEST(test_what_is_no_record),
                                TEST(test_flood),
                                TEST(test_a_flood_wakes_nobody_until_the_next_round),
                                TEST(test_opening),
                                TEST(test_a_stream_socket_is_there),
                                TEST(test_what_cannot_be_opened)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
