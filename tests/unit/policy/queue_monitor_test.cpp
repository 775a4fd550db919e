// SPDX-License-Identifier: Apache-2.0
#include "policy/queue_monitor.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

QueueRecord record_of(std::uint64_t source, std::uint64_t active, std::uint32_t interval_ms = 1000) {
    QueueRecord record;
    record.source = source;
    record.interval_ms = interval_ms;
    record.folders_read = 2;
    record.active = active;
    return record;
}

void test_nothing_yet() {
    const QueueMonitor monitor;
    CHECK(!monitor.latest(0));
    CHECK_EQ(monitor.why_off(0), "no sample has come yet");
    const QueueMonitor closed("the setting queue_socket is empty");
    CHECK_EQ(closed.why_off(0), "the setting queue_socket is empty");
}

void test_one_source() {
    QueueMonitor monitor;
    QueueRecord record = record_of(1, 20);
    record.incoming = 3;
    record.deferred = 40;
    record.hold = 5;
    record.incoming_oldest_ms = 60;
    record.active_oldest_ms = 70;
    monitor.take(record, 1000);
    const auto sample = monitor.latest(1000);
    CHECK(sample.has_value());
    CHECK_EQ(sample->incoming, 3u);
    CHECK_EQ(sample->active, 20u);
    CHECK_EQ(sample->deferred, 40u);
    CHECK_EQ(sample->hold, 5u);
    CHECK_EQ(sample->oldest_ms, 70);
    CHECK_EQ(monitor.why_off(1000), "");
    monitor.take(record_of(1, 21), 2000);  // in the place of the first
    CHECK_EQ(monitor.latest(2000)->active, 21u);
    CHECK_EQ(monitor.sources(2000).size(), 1u);
    CHECK_EQ(monitor.taken(), 2u);
}

void test_sources_are_added_up() {
    QueueMonitor monitor;
    for (std::uint64_t source = 1; source <= 3; ++source) {
        QueueRecord record = record_of(source, 100 * source);
        record.incoming_oldest_ms = static_cast<std::int64_t>(10 * source);
        monitor.take(record, 0);
    }
    CHECK_EQ(monitor.latest(0)->active, 600u);
    CHECK_EQ(monitor.latest(0)->oldest_ms, 30);
}

void test_silent_sources_are_forgotten() {
    struct Case {
        const char* name;
        std::uint32_t interval_ms;
        std::int64_t age_ms;
        bool known;
    };
    for (const Case& row : {Case{"fresh", 1000, 0, true},
                            {"at the end of its time", 1000, 5000, true},
                            {"over", 1000, 5001, false},
                            {"short interval", 200, 1001, false},
                            {"a watch that takes its time", 30'000, 150'000, true},
                            {"and is over", 30'000, 150'001, false},
                            {"a clock that jumped back", 1000, -3'600'000, true}}) {
        QueueMonitor monitor;
        monitor.take(record_of(1, 7, row.interval_ms), 10'000'000);
        const std::int64_t now = 10'000'000 + row.age_ms;
        CHECK_EQ(monitor.latest(now).has_value(), row.known, row.name);
        CHECK_EQ(monitor.sources(now).size(), row.known ? 1u : 0u, row.name);
        CHECK_EQ(monitor.why_off(now).empty(), row.known, row.name);
    }
    QueueMonitor monitor;
    monitor.take(record_of(1, 7), 1000);
    monitor.take(record_of(2, 8), 5500);
    CHECK_EQ(monitor.latest(6001)->active, 8u);
    CHECK_EQ(monitor.why_off(15'999), "the last sample came 10 s ago");
    monitor.take(record_of(1, 9), 20'000);
    CHECK_EQ(monitor.latest(20'000)->active, 9u);
}

// A queue that cannot be read is not an empty one.
void test_what_cannot_be_read() {
    QueueMonitor monitor;
    QueueRecord blind = record_of(1, 0);
    blind.folders_read = 0;
    monitor.take(blind, 0);
    CHECK(!monitor.latest(0));
    CHECK_EQ(monitor.why_off(0), "no queue directory is watched");
    blind.folders_lost = 2;
    blind.problem = "/q/active: Permission denied";
    monitor.take(blind, 0);
    CHECK(!monitor.latest(0));
    CHECK_EQ(monitor.why_off(0), "/q/active: Permission denied");
    monitor.take(record_of(2, 8), 0);
    CHECK_EQ(monitor.latest(0)->active, 8u);
    CHECK_EQ(monitor.sources(0).size(), 2u);
}

void test_number_of_sources_is_bounded() {
    QueueMonitor monitor;
    for (std::uint64_t source = 0; source < 100'000; ++source) monitor.take(record_of(source, 1), 0);
    CHECK_EQ(monitor.sources(0).size(), QueueMonitor::kMostSources);
    CHECK_EQ(monitor.latest(0)->active, QueueMonitor::kMostSources);
    CHECK_EQ(monitor.refused(), 100'000 - QueueMonitor::kMostSources);
    monitor.take(record_of(3, 50), 0);  // one that has its place keeps it
    CHECK_EQ(monitor.latest(0)->active, QueueMonitor::kMostSources + 49);
    monitor.take(record_of(500'000, 1), 5001);  // places of the silent are free again
    CHECK_EQ(monitor.sources(5001).size(), 1u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_nothing_yet),          TEST(test_one_source),
                                TEST(test_sources_are_added_up), TEST(test_silent_sources_are_forgotten),
                                TEST(test_what_cannot_be_read),  TEST(test_number_of_sources_is_bounded)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
