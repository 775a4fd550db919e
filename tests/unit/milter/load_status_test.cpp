// SPDX-License-Identifier: Apache-2.0
#include "milter/load_status.hpp"

#include <nlohmann/json.hpp>

#include "check.hpp"
#include "load_scene.hpp"

namespace optimilter {
namespace {

nlohmann::ordered_json json_of(const LoadScene& scene) {
    return load_json(scene.monitor, scene.settings, scene.now_ms);
}

void test_calm() {
    LoadScene scene;
    scene.pool.least_wait_ms = 0;
    scene.pass(3);
    const auto json = json_of(scene);
    CHECK_EQ(json["level"], 0);
    CHECK_EQ(json["pressure"], 0.0);
    CHECK_EQ(json["samples"], 3);
    CHECK_EQ(json["signal"], "none");
    CHECK_EQ(json["cause"], "none");
    CHECK(json["pin"].is_null());
    CHECK_EQ(json["bypass"], false);
    CHECK_EQ(json["min_size"], scene.settings.min_size);
    CHECK_EQ(json["max_size"], scene.settings.max_size);
    CHECK_EQ(json["effort_max"], scene.settings.effort);
    CHECK_EQ(json["signals"]["job_wait"], 0.0);
    CHECK(json["signals"]["eom_time"].is_null());
    CHECK_EQ(json["signals"]["stress"], 0.0);
    for (const char* name : {"sessions", "queue_length", "queue_age", "cpu", "memory"}) {
        CHECK(json["signals_off"][name].is_string(), name);
        CHECK(!json["signals"].contains(name), name);
    }
    CHECK_EQ(json["signals_off"]["queue_age"], "nobody counts it");
}

void test_busy() {
    LoadScene scene;
    scene.settings.load_job_wait = 500;
    scene.settings.mta_sessions = 100;
    scene.sessions = 40;
    scene.pool.least_wait_ms = 1234.5678;
    scene.queue = QueueSample{30, 4, 0, 0, 61'000};
    scene.write_pressure("cpu", "some avg10=71.00 avg60=0.00 avg300=0.00 total=0\n");
    scene.pass(3);
    const auto json = json_of(scene);
    CHECK(json["level"] >= 1);
    CHECK_EQ(json["signal"], "job_wait");
    CHECK_EQ(json["cause"], "job_wait");
    CHECK(json["min_size"] > scene.settings.min_size && json["max_size"] < scene.settings.max_size);
    CHECK_EQ(json["signals"]["job_wait"], 1234.568);
    CHECK_EQ(json["signals"]["sessions"], 0.4);
    CHECK_EQ(json["signals"]["queue_length"], 34.0);
    CHECK_EQ(json["signals"]["queue_age"], 61'000.0);
    CHECK_EQ(json["signals_off"].size(), 1u);  // memory
    CHECK_EQ(load_figures(scene.monitor.last()),
             "job_wait=1235ms backlog=0ms sessions=0.40 queue_length=34 queue_age=61s cpu=71% busy=0%");
    const std::string line = level_change_line(0, scene.monitor);
    CHECK(line.starts_with("load: level 0 to "), line);
    CHECK(line.find(", cause=job_wait pressure=2.47 job_wait=1235ms ") != line.npos, line);
    CHECK(line.find(": attachments of ") != line.npos, line);
}

void test_pinned() {
    LoadScene scene;
    scene.pass(1);
    scene.monitor.pin(5, 90'000, scene.now_ms, scene.settings);
    scene.pass(30);
    const auto json = json_of(scene);
    CHECK_EQ(json["pin"]["level"], 5);
    CHECK_EQ(json["pin"]["left_s"], 60);
    CHECK_EQ(json["level_s"], 30);
    CHECK_EQ(json["signal"], "operator");
    CHECK_EQ(json["bypass"], true);
}

void test_words_for_limits() {
    LoadLimits limits;
    CHECK_EQ(load_limits_text(limits), "everything is worked on");
    limits.level = 2;
    limits.min_size = 32768;
    limits.max_size = 8 << 20;
    limits.effort_max = 1;
    CHECK_EQ(load_limits_text(limits), "attachments of 32KiB to 8MiB, effort 1");
    limits.bypass = true;
    CHECK_EQ(load_limits_text(limits), "bypass: every message passes unread");
    limits.probe_one_in = 20;
    CHECK_EQ(load_limits_text(limits), "bypass: messages pass unread, but for 1 in 20");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_calm), TEST(test_busy), TEST(test_pinned),
                                TEST(test_words_for_limits)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
