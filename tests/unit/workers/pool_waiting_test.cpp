// SPDX-License-Identifier: Apache-2.0
//
// Who waits for a worker, how long, and who is refused at once.
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "check.hpp"
#include "pool_fixture.hpp"
#include "workers/pool.hpp"

namespace optimilter {
namespace {

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

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    set_log_sink([](LogLevel, std::string_view) {});
    const CMUnitTest tests[] = {TEST(test_first_come_first_served),
                                TEST(test_queue_is_bounded),
                                TEST(test_hopeless_wait_is_refused_at_once),
                                TEST(test_impatient_in_the_middle),
                                TEST(test_least_wait),
                                TEST(test_least_wait_of_the_refused),
                                TEST(test_backlog_and_busy_share)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
