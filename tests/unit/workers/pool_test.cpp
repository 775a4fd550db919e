// SPDX-License-Identifier: Apache-2.0
#include "workers/pool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "check.hpp"
#include "pool_fixture.hpp"

namespace optimilter {
namespace {

void test_good_reply() {
    Fixture fixture;
    const JobResult result = run_one(*fixture.pool, "good");
    CHECK_EQ(result.reason, "");
    CHECK_EQ(result.outcome, Outcome::kOptimized);
    CHECK_EQ(result.format, Format::kJpeg);
    CHECK_EQ(result.optimizer, "half");
    CHECK_EQ(result.output.bytes().size(), 2048u);
    CHECK_EQ(as_text(result.output.bytes()).substr(0, 5), "good\n");
    CHECK(fixture.pool->missing_sandbox_steps().empty());
}

void test_deadline_kills() {
    Fixture fixture;
    for (const char* what : {"silent", "stop", "spin"}) {
        const std::uint64_t before = fixture.counters.get(Counter::kWorkersKilled);
        const JobResult result = run_one(*fixture.pool, what, Deadline::in_ms(300));
        CHECK_EQ(result.outcome, Outcome::kOverBudget, what);
        CHECK_EQ(result.reason, "deadline", what);
        CHECK_EQ(fixture.counters.get(Counter::kWorkersKilled), before + 1, what);
        // Time-outs are not remembered: the machine may have been busy.
        CHECK_EQ(run_one(*fixture.pool, what, Deadline::in_ms(100)).reason, "deadline", what);
    }
    CHECK(run_one(*fixture.pool, "spin", Deadline::in_ms(400)).cpu_ms > 1.0);
    CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
}

void test_jobs_refused_before_any_worker() {
    Fixture fixture;
    auto lease = fixture.pool->lease(Deadline::in_ms(20'000));
    const Input tiny("", Deadline::in_ms(20'000), 0, 1);
    CHECK_EQ(lease->run(tiny.job).outcome, Outcome::kNotSmaller);
    const Input late("good", Deadline::in_ms(-1));
    CHECK_EQ(lease->run(late.job).reason, "deadline");
    const Input mapped("good", Deadline::in_ms(20'000));
    void* map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.file.fd(), 0);
    const JobResult refused = lease->run(mapped.job);
    ::munmap(map, 4096);
    CHECK_EQ(refused.reason, "input could not be sealed");
    CHECK_EQ(lease->run(mapped.job).outcome, Outcome::kOptimized);
    Pool::Lease none;
    CHECK_EQ(none.run(mapped.job).reason, "no worker");
}

void test_request_carries_hints_and_deadline() {
    Fixture fixture;
    auto lease = fixture.pool->lease(Deadline::in_ms(20'000));
    Input input("deadline", Deadline::in_ms(10'000));
    input.job.hint = {"image/jpeg", "a.jpg"};
    const std::string reason = lease->run(input.job).reason;
    CHECK(reason.find(" image/jpeg a.jpg") != std::string::npos, reason);
    const int told_ms = std::stoi(reason);
    CHECK(told_ms > 0 && told_ms <= 9950, reason);
}

void test_worker_serves_as_many_messages_as_set() {
    PoolSettings settings = settings_for(hostile_program());
    settings.spares = 1;
    settings.workers = 1;
    settings.messages_per_worker = 4;
    Fixture fixture(settings);
    for (int i = 0; i < 8; ++i) CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
    // 8 messages are two workers; at most one spare beside each.
    CHECK(fixture.counters.get(Counter::kWorkersStarted) <= 5);
    Fixture fresh;
    for (int i = 0; i < 8; ++i) CHECK_EQ(run_one(*fresh.pool, "good").outcome, Outcome::kOptimized);
    CHECK(fresh.counters.get(Counter::kWorkersStarted) >= 8);
}

void test_crash_memory_is_bounded() {
    PoolSettings settings = settings_for(hostile_program());
    settings.crash_memory = 2;
    Fixture fixture(settings);
    const Deadline deadline = Deadline::in_ms(30'000);
    auto lease = fixture.pool->lease(deadline);
    for (int i = 0; i < 3; ++i) {
        const Input input("crash", deadline, i);
        CHECK_EQ(lease->run(input.job).reason, "decoder crashed (signal 11)");
    }
    const Input oldest("crash", deadline, 0);
    CHECK_EQ(lease->run(oldest.job).reason, "decoder crashed (signal 11)");
    const Input newest("crash", deadline, 2);
    CHECK_EQ(lease->run(newest.job).reason, "crashed a worker before");
}

void test_saturated() {
    PoolSettings settings = settings_for(hostile_program());
    settings.workers = 1;
    Fixture fixture(settings);
    auto held = fixture.pool->lease(Deadline::in_ms(20'000));
    CHECK(held.has_value());
    const auto refused = fixture.pool->lease(Deadline::in_ms(50));
    CHECK(!refused.has_value());
    CHECK_EQ(refused.error().code, ErrorCode::kLimit);
    CHECK_EQ(refused.error().text, "all workers busy");
    CHECK(!fixture.pool->lease(Deadline::in_ms(-1)).has_value());
    held = Pool::Lease();
    CHECK(fixture.pool->lease(Deadline::in_ms(20'000)).has_value());
}

// A message that waits for a worker, in a thread of its own.
class Waiting {
  public:
    // Begins to wait; returns once it stands in the queue, behind those that were there.
    Waiting(Pool& pool, std::vector<int>& served, std::mutex& mutex, int number)
        : thread_([&pool, &served, &mutex, number] {
              const auto lease = pool.lease(Deadline::in_ms(120'000));
              const std::lock_guard lock(mutex);
              served.push_back(lease ? number : -number);
          }) {
        while (pool.state().waiting < static_cast<std::uint32_t>(number)) std::this_thread::yield();
    }
    ~Waiting() { thread_.join(); }

  private:
    std::thread thread_;
};

PoolSettings one_worker() {
    PoolSettings settings = settings_for(hostile_program());
    settings.workers = 1;
    return settings;
}

void test_first_come_first_served() {
    Fixture fixture(one_worker());
    auto held = fixture.pool->lease(Deadline::in_ms(20'000));
    CHECK(held.has_value());
    std::vector<int> served;
    std::mutex mutex;
    {
        std::list<Waiting> waiting;
        for (int i = 1; i <= 6; ++i) waiting.emplace_back(*fixture.pool, served, mutex, i);
        CHECK_EQ(fixture.pool->state().waiting, 6u);
        held = Pool::Lease();
    }
    CHECK(served == std::vector<int>({1, 2, 3, 4, 5, 6}));
    CHECK_EQ(fixture.pool->state().waiting, 0u);
}

void test_queue_is_bounded() {
    PoolSettings settings = one_worker();
    settings.waiting = 2;
    Fixture fixture(settings);
    auto held = fixture.pool->lease(Deadline::in_ms(20'000));
    std::vector<int> served;
    std::mutex mutex;
    {
        Waiting first(*fixture.pool, served, mutex, 1);
        Waiting second(*fixture.pool, served, mutex, 2);
        const auto third = fixture.pool->lease(Deadline::in_ms(120'000));
        CHECK(!third.has_value());
        CHECK_EQ(third.error().text, "too many messages wait for a worker");
        CHECK(!fixture.pool->admits(Deadline::in_ms(120'000)).has_value());
        held = Pool::Lease();
    }
    CHECK(served == std::vector<int>({1, 2}));
    CHECK(fixture.pool->admits(Deadline::in_ms(120'000)).has_value());
}

// What was seen so far says that no worker comes free in time: refused without waiting. No clock is needed to
// tell, since a refusal after waiting has another text.
void test_hopeless_wait_is_refused_at_once() {
    Fixture fixture(one_worker());
    CHECK_EQ(run_one(*fixture.pool, "silent", Deadline::in_ms(300)).reason, "deadline");
    CHECK(fixture.pool->state().service_ms >= 250);
    auto held = fixture.pool->lease(Deadline::in_ms(20'000));
    CHECK(held.has_value());
    const auto refused = fixture.pool->lease(Deadline::in_ms(200));
    CHECK(!refused.has_value());
    CHECK_EQ(refused.error().code, ErrorCode::kLimit);
    CHECK_EQ(refused.error().text, "no worker free in time");
    CHECK_EQ(fixture.pool->admits(Deadline::in_ms(200)).error().text, "no worker free in time");
    // Who has the time does wait, and a free place is for everybody.
    std::vector<int> served;
    std::mutex mutex;
    {
        Waiting patient(*fixture.pool, served, mutex, 1);
        held = Pool::Lease();
    }
    CHECK(served == std::vector<int>({1}));
    CHECK(fixture.pool->admits(Deadline::in_ms(200)).has_value());
}

// Whoever leaves the queue in between holds up nobody.
void test_impatient_in_the_middle() {
    Fixture fixture(one_worker());
    auto held = fixture.pool->lease(Deadline::in_ms(20'000));
    std::vector<int> served;
    std::mutex mutex;
    {
        Waiting first(*fixture.pool, served, mutex, 1);
        CHECK_EQ(fixture.pool->lease(Deadline::in_ms(30)).error().text, "all workers busy");
        Waiting second(*fixture.pool, served, mutex, 2);
        held = Pool::Lease();
    }
    CHECK(served == std::vector<int>({1, 2}));
}

// 0 while somebody is served at once; else what the luckiest waited, those who still wait and those refused
// included.
void test_least_wait() {
    Fixture fixture(one_worker());
    Pool& pool = *fixture.pool;
    CHECK_EQ(pool.load().least_wait_ms, 0.0);
    auto held = pool.lease(Deadline::in_ms(20'000));
    CHECK(held.has_value());
    pool.load();  // the first worker may have been warming up
    std::vector<int> served;
    std::mutex mutex;
    {
        Waiting first(pool, served, mutex, 1);
        const Stopwatch watch;
        while (watch.elapsed_ms() < 30) std::this_thread::yield();
        CHECK(pool.load().least_wait_ms >= 30);  // nobody was served: the first in the queue speaks for all
        held = Pool::Lease();
    }
    CHECK(pool.load().least_wait_ms >= 30);
    CHECK_EQ(pool.load().least_wait_ms, 0.0);
}

void test_least_wait_of_the_refused() {
    Fixture fixture(one_worker());
    Pool& pool = *fixture.pool;
    CHECK_EQ(run_one(pool, "silent", Deadline::in_ms(300)).reason, "deadline");
    auto held = pool.lease(Deadline::in_ms(20'000));
    pool.load();
    CHECK(!pool.lease(Deadline::in_ms(200)).has_value());
    CHECK(pool.load().least_wait_ms >= 250);
    CHECK(!pool.admits(Deadline::in_ms(200)).has_value());
    CHECK(pool.load().least_wait_ms >= 250);
    held = Pool::Lease();
    CHECK(pool.admits(Deadline::in_ms(200)).has_value());
    CHECK_EQ(pool.load().least_wait_ms, 0.0);
}

void test_backlog_and_busy_share() {
    PoolSettings settings = settings_for(hostile_program());
    settings.workers = 2;
    Fixture fixture(settings);
    Pool& pool = *fixture.pool;
    CHECK_EQ(run_one(pool, "silent", Deadline::in_ms(300)).reason, "deadline");
    CHECK(pool.load().busy > 0);
    PoolLoad load = pool.load();
    CHECK_EQ(load.busy, 0.0);
    CHECK_EQ(load.backlog_ms, 0.0);
    auto first = pool.lease(Deadline::in_ms(20'000));
    pool.load();
    const Stopwatch watch;
    while (watch.elapsed_ms() < 5) std::this_thread::yield();
    CHECK_EQ(pool.load().busy, 0.5);
    auto second = pool.lease(Deadline::in_ms(20'000));
    pool.load();
    std::vector<int> served;
    std::mutex mutex;
    {
        Waiting waiting(pool, served, mutex, 1);
        load = pool.load();
        CHECK_EQ(load.busy, 1.0);
        CHECK(load.backlog_ms > 0);
        // Another that is refused is work, too, until it has been told.
        CHECK(!pool.lease(Deadline::in_ms(1)).has_value());
        CHECK(pool.load().backlog_ms > 1.5 * load.backlog_ms);
        CHECK(pool.load().backlog_ms < 1.5 * load.backlog_ms);
        first = Pool::Lease();
    }
}

// What status shows. Warming workers come and go on their own; the rest is ours to tell.
void test_state() {
    PoolSettings settings = settings_for(hostile_program());
    settings.workers = 3;
    settings.spares = 1;
    Fixture fixture(settings);
    auto first = fixture.pool->lease(Deadline::in_ms(20'000));
    auto second = fixture.pool->lease(Deadline::in_ms(20'000));
    CHECK(first.has_value() && second.has_value());
    PoolState state = fixture.pool->state();
    CHECK_EQ(state.workers_limit, 3u);
    CHECK_EQ(state.workers_busy, 2u);
    CHECK_EQ(state.waiting, 0u);
    CHECK(state.workers_idle + state.workers_warming <= 2);
    CHECK(state.zygote_pid > 0 && ::kill(state.zygote_pid, 0) == 0);
    CHECK(state.zygote_since <= SteadyClock::now() && state.zygote_since.time_since_epoch().count() > 0);
    CHECK_EQ(state.down_reason, "");
    CHECK(state.missing_steps.empty());
    // The tending thread goes round although nothing happens: that is how one that hangs is told.
    while (fixture.pool->state().last_round == state.last_round) std::this_thread::yield();
    const pid_t zygote = state.zygote_pid;
    second = Pool::Lease();
    CHECK_EQ(fixture.pool->state().workers_busy, 1u);
    fixture.pool->stop();
    state = fixture.pool->state();
    CHECK_EQ(state.zygote_pid, 0);
    CHECK_EQ(state.workers_idle + state.workers_warming, 0u);
    CHECK_EQ(::kill(zygote, 0), -1);
}

void test_many_threads_few_workers() {
    Fixture fixture;
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 64; ++t) {
        threads.emplace_back([&fixture, &good, t] {
            for (int i = 0; i < 2; ++i) {
                const Deadline deadline = Deadline::in_ms(120'000);
                auto lease = fixture.pool->lease(deadline);
                if (!lease) continue;
                const Input input(i == 1 && t % 8 == 0 ? "crash" : "good", deadline, t * 10 + i);
                const JobResult result = lease->run(input.job);
                if (result.outcome == Outcome::kOptimized || result.outcome == Outcome::kMalformed) ++good;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK_EQ(good.load(), 128);
    CHECK_EQ(fixture.counters.get(Counter::kWorkersDied), 8u);
    CHECK(fixture.pool->overhead_cpu_ms() > 0.0);
}

// The pool goes while leases are out and jobs run: they end at once with an outcome, nothing hangs.
void test_shutdown_with_leases_out() {
    auto fixture = std::make_unique<Fixture>();
    auto idle = fixture->pool->lease(Deadline::in_ms(20'000));
    auto busy = fixture->pool->lease(Deadline::in_ms(20'000));
    CHECK(idle.has_value() && busy.has_value());
    std::atomic<bool> begun{false};
    JobResult result;
    std::thread job([&] {
        const Input input("silent", Deadline::in_ms(60'000));
        begun = true;
        result = busy->run(input.job);
    });
    std::thread waiter([&] {
        const auto refused = fixture->pool->lease(Deadline::in_ms(60'000));
        if (refused.has_value()) std::abort();
    });
    while (!begun) std::this_thread::yield();
    fixture->pool->stop();
    job.join();
    waiter.join();
    CHECK_EQ(result.outcome, Outcome::kOverBudget);
    const Input late("good", Deadline::in_ms(60'000));
    CHECK_EQ(idle->run(late.job).reason, "shutting down");
    fixture->pool.reset();
    CHECK_EQ(idle->run(late.job).outcome, Outcome::kOverBudget);
}

void test_zygote_killed() {
    Fixture fixture;
    for (int round = 0; round < 2; ++round) {
        const JobResult result = run_one(*fixture.pool, "kill-zygote");
        CHECK_EQ(result.outcome, Outcome::kOverBudget);
        CHECK_EQ(result.reason, "worker was lost");
        // Leases fail with a reason until the new zygote is there, then work again.
        const Deadline patience = Deadline::in_ms(30'000);
        for (;;) {
            auto lease = fixture.pool->lease(patience);
            if (lease) break;
            CHECK_EQ(lease.error().code, ErrorCode::kWorkerDied);
            CHECK(lease.error().text.find("zygote ended") != std::string::npos, lease.error().text);
            std::this_thread::yield();
        }
        CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
    }
}

// The name under which the stand-in is called chooses how its zygote behaves.
std::string called(const char* name) {
    const std::string folder = std::string(OPTIMILTER_TEST_BINARY_DIR) + "/hostile";
    std::filesystem::create_directories(folder);
    const std::string path = folder + "/" + name;
    std::error_code ignored;
    std::filesystem::create_symlink(hostile_program(), path, ignored);
    return path;
}

void test_start_fails_with_a_reason() {
    struct Case {
        std::string program, want;
    };
    const Case kCases[] = {
        {"/nonexistent/optimilter-worker", "No such file or directory"},
        {"/etc/passwd", "Permission denied"},
        {"/bin/true", "zygote ended (exit status 0"},
        {called("dies"), "zygote ended (exit status 7"},
        {called("babbles"), "zygote record: size"},
        {called("sandbox_fails"), "sandbox: system call filter"},
    };
    for (const Case& c : kCases) {
        Counters counters;
        const auto started = Pool::start(settings_for(c.program), counters);
        CHECK(!started.has_value(), c.program);
        CHECK(started.error().text.find(c.want) != std::string::npos, started.error().text);
    }
}

// What a kernel lacks is told in the log, once, and in the state.
void test_missing_steps_are_told() {
    static std::vector<std::string> lines;
    static std::mutex mutex;
    const std::vector<std::string> want = {"network and IPC namespaces", "Landlock"};
    set_log_sink([](LogLevel level, std::string_view line) {
        const std::lock_guard lock(mutex);
        if (level == LogLevel::kWarning) lines.emplace_back(line);
    });
    {
        Fixture fixture(settings_for(called("lacks_walls")));
        CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
        CHECK_EQ(run_one(*fixture.pool, "good").outcome, Outcome::kOptimized);
        CHECK(fixture.pool->state().missing_steps == want);
        CHECK(fixture.pool->missing_sandbox_steps() == want);
    }
    set_log_sink([](LogLevel, std::string_view) {});
    CHECK_EQ(lines.size(), 2u);
    for (std::size_t i = 0; i < want.size(); ++i)
        CHECK_EQ(lines[i], "worker sandbox: this system lacks: " + want[i]);
}

// Hung processes are found by their silence.
void test_hung_zygote_and_workers() {
    for (const char* name : {"mute", "workers_silent"}) {
        PoolSettings settings = settings_for(called(name));
        settings.answer_ms = 300;
        Counters counters;
        const auto started = Pool::start(settings, counters);
        CHECK(!started.has_value(), name);
    }
    PoolSettings settings = settings_for(hostile_program());
    settings.answer_ms = 2000;
    settings.spares = 1;
    Fixture fixture(settings);
    run_one(*fixture.pool, "stop-zygote");
    const Deadline patience = Deadline::in_ms(60'000);
    for (int good = 0; good < 3 && !patience.expired();) {
        auto lease = fixture.pool->lease(patience);
        if (!lease) continue;
        const Input input("good", patience);
        if (lease->run(input.job).outcome == Outcome::kOptimized) ++good;
    }
    CHECK(!patience.expired());
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

void test_no_descriptor_leaks() {
    const std::size_t before = open_descriptors();
    {
        Fixture fixture;
        for (const char* what : {"good", "extra-fds", "many-fds", "crash", "keep-mapping", "short"})
            run_one(*fixture.pool, what);
    }
    CHECK_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    set_log_sink([](LogLevel, std::string_view) {});
    const CMUnitTest tests[] = {TEST(test_good_reply),
                                TEST(test_deadline_kills),
                                TEST(test_jobs_refused_before_any_worker),
                                TEST(test_request_carries_hints_and_deadline),
                                TEST(test_worker_serves_as_many_messages_as_set),
                                TEST(test_crash_memory_is_bounded),
                                TEST(test_saturated),
                                TEST(test_first_come_first_served),
                                TEST(test_queue_is_bounded),
                                TEST(test_hopeless_wait_is_refused_at_once),
                                TEST(test_impatient_in_the_middle),
                                TEST(test_least_wait),
                                TEST(test_least_wait_of_the_refused),
                                TEST(test_backlog_and_busy_share),
                                TEST(test_state),
                                TEST(test_many_threads_few_workers),
                                TEST(test_shutdown_with_leases_out),
                                TEST(test_zygote_killed),
                                TEST(test_start_fails_with_a_reason),
                                TEST(test_missing_steps_are_told),
                                TEST(test_hung_zygote_and_workers),
                                TEST(test_no_descriptor_leaks)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
