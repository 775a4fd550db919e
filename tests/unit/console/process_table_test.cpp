// SPDX-License-Identifier: Apache-2.0
#include "console/process_table.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.hpp"
#include "planted.hpp"

namespace optimilter {
namespace {

constexpr char kWorker[] = "/opt/libexec/optimilter-worker";

std::string pids(const std::vector<ProcessEntry>& processes) {
    std::string text;
    for (const ProcessEntry& process : processes) text += std::to_string(process.pid) + " ";
    return text;
}

void test_table_is_read() {
    const Planted planted;
    planted.process(1, 0, "systemd", "/lib/systemd/systemd");
    planted.process(20, 1, "name) (with S 7 ", "/opt/a", 'R', 4711);
    planted.process(300, 20, "evil\x1b[2J", "");
    planted.file("proc/40/stat", "40 (cut");
    planted.file("proc/41/stat", "");
    planted.file("proc/42/other", "");
    planted.file("proc/self/stat", "1 (x) S 1");
    planted.file("proc/5x/stat", "5 (x) S 1");
    const auto table = read_process_table(planted.path("proc"));
    CHECK_EQ(pids(table), "1 20 300 ");
    CHECK_EQ(table[1].name, "name) (with S 7 ");
    CHECK_EQ(table[1].parent, 1);
    CHECK_EQ(table[1].state, 'R');
    CHECK_EQ(table[1].started, 4711u);
    CHECK_EQ(table[1].program, "/opt/a");
    CHECK_EQ(table[2].name, "evil?[2J");
    CHECK_EQ(table[2].program, "");
    CHECK(read_process_table(planted.path("nothing")).empty());
}

void test_orphans() {
    struct Case {
        std::string name;
        int parent;
        std::string program;
        char state;
        bool orphan;
    };
    const Case kCases[] = {
        {"child of the engine", 10, kWorker, 'S', false},
        {"child of a zygote that is owned", 11, kWorker, 'S', false},
        {"child of a program that is not ours", 12, kWorker, 'S', false},
        {"child of a session's process that takes orphans over", 13, kWorker, 'S', false},
        {"taken over by process 1", 1, kWorker, 'S', true},
        {"stopped, taken over by process 1", 1, kWorker, 'T', true},
        {"its parent is gone", 999, kWorker, 'S', true},
        {"its parent is outside of our view", 0, kWorker, 'S', false},
        {"an upgrade replaced its program", 1, std::string(kWorker) + " (deleted)", 'S', true},
        {"has ended already", 1, kWorker, 'Z', false},
        {"another program", 1, "/opt/libexec/optimilter-worker2", 'S', false},
        {"the worker of another build", 1, "/usr/libexec/optimilter-worker", 'S', false},
        {"a program that may not be seen", 1, "", 'S', false},
    };
    for (const Case& c : kCases) {
        const Planted planted;
        planted.process(1, 0, "systemd", "/lib/systemd/systemd");
        planted.process(10, 1, "optimilter-engi", "/opt/sbin/optimilter-engine");
        planted.process(11, 10, "optimilter-work", kWorker);
        planted.process(12, 1, "python3", "/usr/bin/python3");
        planted.process(13, 1, "systemd", "/lib/systemd/systemd");
        planted.process(50, c.parent, "optimilter-work", c.program, c.state);
        const auto orphans = find_orphans(read_process_table(planted.path("proc")), kWorker);
        CHECK_EQ(pids(orphans), c.orphan ? "50 " : "", c.name);
    }
}

// In a container the engine may be process 1 itself.
void test_engine_as_first_process() {
    const Planted planted;
    planted.process(1, 0, "optimilter-engi", "/opt/sbin/optimilter-engine");
    planted.process(7, 1, "optimilter-work", kWorker);
    CHECK(find_orphans(read_process_table(planted.path("proc")), kWorker).empty());
}

void test_no_worker_program_means_no_orphans() {
    const Planted planted;
    planted.process(1, 0, "systemd", "/lib/systemd/systemd");
    planted.process(7, 1, "optimilter-work", "");
    CHECK(find_orphans(read_process_table(planted.path("proc")), "").empty());
}

void test_links_to_the_program() {
    const Planted planted;
    planted.file("real/optimilter-worker", "");
    planted.link("link", planted.path("real"));
    planted.process(1, 0, "systemd", "/lib/systemd/systemd");
    planted.process(7, 1, "optimilter-work", planted.path("real/optimilter-worker"));
    const auto table = read_process_table(planted.path("proc"));
    CHECK_EQ(pids(find_orphans(table, planted.path("link/../link/optimilter-worker"))), "7 ");
}

// A child of ours that a planted /proc shows as an orphan.
class Victim {
  public:
    Victim() : pid(::fork()) {
        if (pid == 0)
            for (;;) ::pause();
    }
    ~Victim() { end(SIGKILL); }
    // How it ended, once it has been sent number.
    int end(int number) {
        if (pid <= 0) return 0;
        int status = 0;
        ::kill(pid, number);
        ::waitpid(pid, &status, 0);
        pid = -1;
        return WTERMSIG(status);
    }
    bool lives() const { return ::waitpid(pid, nullptr, WNOHANG) == 0; }
    pid_t pid;
};

void test_end_orphan() {
    Victim victim;
    const Planted planted;
    planted.process(1, 0, "systemd", "/lib/systemd/systemd");
    planted.process(victim.pid, 1, "optimilter-work", kWorker);
    const auto orphans = find_orphans(read_process_table(planted.path("proc")), kWorker);
    CHECK_EQ(orphans.size(), 1u);
    CHECK(end_orphan(orphans[0], planted.path("proc"), kWorker).has_value());
    // It has been killed: a TERM now changes nothing.
    CHECK_EQ(victim.end(SIGTERM), SIGKILL);
}

void test_what_changed_is_not_ended() {
    struct Case {
        std::string_view name;
        int parent;
        std::string program;
        unsigned started;
    };
    const Case kCases[] = {
        {"another process has its number", 1, kWorker, 101},
        {"somebody owns it now", 10, kWorker, 100},
        {"it runs another program now", 1, "/bin/true", 100},
    };
    for (const Case& c : kCases) {
        Victim victim;
        const Planted planted;
        planted.process(1, 0, "systemd", "/lib/systemd/systemd");
        planted.process(10, 1, "optimilter-engi", "/opt/sbin/optimilter-engine");
        planted.process(victim.pid, c.parent, "optimilter-work", c.program, 'S', c.started);
        const ProcessEntry seen{victim.pid, 1, "optimilter-work", kWorker, 'S', 100};
        const Status ended = end_orphan(seen, planted.path("proc"), kWorker);
        CHECK(!ended && ended.error().code == ErrorCode::kRefused, c.name);
        CHECK(victim.lives(), c.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_table_is_read),
        TEST(test_orphans),
        TEST(test_engine_as_first_process),
        TEST(test_no_worker_program_means_no_orphans),
        TEST(test_links_to_the_program),
        TEST(test_end_orphan),
        TEST(test_what_changed_is_not_ended),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
