// SPDX-License-Identifier: Apache-2.0
#include "milter/load_monitor.hpp"

#include <sys/stat.h>

#include "check.hpp"
#include "load_scene.hpp"

namespace optimilter {
namespace {

constexpr char kPressure[] =
    "some avg10=12.50 avg60=3.00 avg300=1.00 total=123456\nfull avg10=1.00 avg60=0.00 avg300=0.00 total=9\n";

void test_pressure_files() {
    LoadScene scene;
    struct Case {
        const char* name;
        std::string text;
        double want;  // below 0: nothing
    };
    const Case cases[] = {
        {"as the kernel writes it", kPressure, 12.5},
        {"calm", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0},
        {"all the time", "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", 100},
        {"empty", "", -1},
        {"something else", "hello\n", -1},
        {"no number", "some avg10=x avg60\n", -1},
        {"below", "some avg10=-1.00 avg60\n", -1},
        {"above", "some avg10=100.10 avg60\n", -1},
        {"not a number", "some avg10=nan avg60\n", -1},
        {"infinite", "some avg10=inf avg60\n", -1},
        {"cut short", "some avg10=12.50", -1},
        {"full only", "full avg10=12.50 avg60=0.00\n", -1},
    };
    for (const Case& c : cases) {
        scene.write_pressure("cpu", c.text);
        CHECK_EQ(pressure_stall(scene.folder + "/cpu").value_or(-1), c.want, c.name);
    }
    CHECK(!pressure_stall(scene.folder + "/none"));
    CHECK(!pressure_stall(scene.folder));
    // Nobody at the other end: it must not wait.
    CHECK(::mkfifo((scene.folder + "/fifo").c_str(), 0600) == 0);
    CHECK(!pressure_stall(scene.folder + "/fifo"));
}

void test_sample_of_everything() {
    LoadScene scene;
    scene.settings.mta_sessions = 200;
    scene.sessions = 50;
    scene.pool = {7, 90, 0.75};
    scene.queue = QueueSample{3, 4, 5, 6, 700};
    scene.write_pressure("cpu", kPressure);
    scene.write_pressure("memory", "some avg10=2.25 avg60=0.00 avg300=0.00 total=1\n");
    const SteadyClock::time_point now{std::chrono::milliseconds(scene.now_ms + 1000)};
    scene.board.finished(40, false, now);
    scene.board.finished(60, true, now);
    scene.board.stressed(now);
    scene.pass(1);
    const LoadSample& seen = scene.monitor.last();
    CHECK_EQ(seen.now_ms, scene.now_ms);
    CHECK_EQ(seen.job_wait_ms.value(), 7.0);
    CHECK_EQ(seen.backlog_ms.value(), 90.0);
    CHECK_EQ(seen.workers_busy.value(), 0.75);
    CHECK_EQ(seen.eom_p95_ms.value(), 40.0);
    CHECK_EQ(seen.deadlines_missed.value(), 0.5);
    CHECK_EQ(seen.finished, 2u);
    CHECK_EQ(seen.sessions_share.value(), 0.25);
    CHECK_EQ(seen.queue->active, 4u);
    CHECK_EQ(seen.cpu_stall.value(), 12.5);
    CHECK_EQ(seen.memory_stall.value(), 2.25);
    CHECK(seen.stress);
}

void test_what_is_not_known_is_no_signal() {
    LoadScene scene;
    scene.pass(3);
    const LoadSample& seen = scene.monitor.last();
    CHECK(!seen.eom_p95_ms && !seen.deadlines_missed && !seen.sessions_share);
    CHECK(!seen.queue && !seen.cpu_stall && !seen.memory_stall && !seen.stress);
    CHECK_EQ(scene.monitor.state().pressure, 0.0);
    CHECK_EQ(scene.monitor.state().level, 0);
}

void test_pressure_switched_off() {
    LoadScene scene;
    scene.settings.load_cpu_stall = scene.settings.load_memory_stall = 0;
    scene.write_pressure("cpu", "some avg10=100.00 avg60=0.00\n");
    scene.write_pressure("memory", "some avg10=100.00 avg60=0.00\n");
    scene.pass(60);
    CHECK(scene.changes.empty());
    CHECK_EQ(scene.monitor.state().pressure, 0.0);
    scene.settings.load_memory_stall = 20;
    scene.pass(10);
    CHECK(scene.changes.at(0).cause == LoadSignal::kMemory);
}

// Jobs that wait: up within seconds, to bypass in the end; once they do not, back to 0, a level at a time.
void test_up_and_down() {
    LoadScene scene;
    scene.pass(5);
    CHECK(scene.changes.empty());
    scene.pool.least_wait_ms = 5 * static_cast<double>(scene.settings.load_job_wait);
    scene.pass(3);
    CHECK(!scene.changes.empty());
    CHECK_EQ(scene.changes[0].from, 0);
    CHECK_EQ(scene.changes[0].to, 1);
    CHECK(scene.changes[0].cause == LoadSignal::kJobWait);
    scene.pass(60);
    CHECK_EQ(scene.changes.size(), 5u);
    CHECK(scene.board.limits().bypass);
    CHECK_EQ(scene.board.limits().probe_one_in, scene.settings.load_probe_one_in);
    scene.pool.least_wait_ms = 0;
    scene.pass(600);
    CHECK_EQ(scene.changes.size(), 10u);
    CHECK_EQ(scene.changes.back().to, 0);
    CHECK(!scene.board.limits().bypass);
    for (const auto& change : scene.changes) CHECK_EQ(std::abs(change.to - change.from), 1);
}

void test_load_control_off() {
    LoadScene scene;
    scene.settings.load_control = false;
    scene.pool.least_wait_ms = 60'000;
    scene.pass(60);
    CHECK(scene.changes.empty());
    CHECK(scene.monitor.state().pressure > 1);  // told all the same
}

void test_operator() {
    LoadScene scene;
    scene.pass(1);
    scene.monitor.pin(5, 60'000, scene.now_ms, scene.settings);
    scene.pass(1);
    CHECK_EQ(scene.changes.size(), 1u);
    CHECK_EQ(scene.changes[0].to, 5);
    CHECK(scene.changes[0].cause == LoadSignal::kOperator);
    CHECK(scene.board.limits().bypass);
    scene.pass(58);
    CHECK(scene.monitor.state().pin.has_value());
    scene.pass(2);
    CHECK(!scene.monitor.state().pin.has_value());
    scene.pass(600);
    CHECK_EQ(scene.monitor.state().level, 0);
    scene.monitor.pin(3, 60'000, scene.now_ms, scene.settings);
    scene.pass(1);
    CHECK_EQ(scene.board.limits().level, 3);
    scene.monitor.unpin(scene.settings);
    CHECK(!scene.monitor.state().pin.has_value());
    scene.pass(600);
    CHECK_EQ(scene.monitor.state().level, 0);
}

// A reload changes the limits at the next sample, whatever the level.
void test_settings_of_now() {
    LoadScene scene;
    scene.pass(1);
    scene.settings.min_size = 12345;
    scene.pass(1);
    CHECK_EQ(scene.board.limits().min_size, 12345u);
}

void test_once_a_second() {
    LoadScene scene;
    scene.monitor.keep_sampling(scene.settings);
    const std::int64_t first_ms = scene.monitor.last().now_ms;
    CHECK(first_ms > 0);
    const std::int64_t left_ms = scene.monitor.next_due().remaining_ms();
    CHECK(left_ms > 0 && left_ms <= LoadMonitor::kEveryMs);
    scene.monitor.keep_sampling(scene.settings);
    CHECK_EQ(scene.monitor.last().now_ms, first_ms);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_pressure_files),
                                TEST(test_sample_of_everything),
                                TEST(test_what_is_not_known_is_no_signal),
                                TEST(test_pressure_switched_off),
                                TEST(test_up_and_down),
                                TEST(test_load_control_off),
                                TEST(test_operator),
                                TEST(test_settings_of_now),
                                TEST(test_once_a_second)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
