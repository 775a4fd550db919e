// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_status.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "check.hpp"
#include "milter/pool_settings.hpp"
#include "milter/queue_socket.hpp"

namespace optimilter {
namespace {

struct Fixture {
    Fixture() {
        Settings settings;
        settings.worker_program = OPTIMILTER_TEST_BINARY_DIR "/workers/optimilter-worker";
        settings.workers = 3;
        settings.body_budget = 12345678;
        auto started = Pool::start(*pool_settings_of(settings), counters);
        CHECK(started.has_value());
        pool = std::move(*started);
        engine = std::make_unique<Engine>(std::make_shared<const Settings>(settings), *pool, counters);
        run.settings_file = "/etc/x.toml";
        run.settings_since = 1'700'000'000;
    }
    nlohmann::json json() const { return nlohmann::json::parse(engine_status_json(*engine, run)); }

    Counters counters;
    std::unique_ptr<Pool> pool;
    std::unique_ptr<Engine> engine;
    EngineRun run;
};

void test_of_a_fresh_engine() {
    const Fixture f;
    const nlohmann::json json = f.json();
    CHECK_EQ(json["process"], "engine");
    CHECK_EQ(json["version"], OPTIMILTER_VERSION);
    CHECK_EQ(json["pid"], ::getpid());
    CHECK(json["uptime_s"] >= 0);
    for (const char* name : {"draining", "stopping"})
        CHECK(json[name].is_boolean() && !json[name].get<bool>(), name);
    for (const char* name : {"problem", "settings_problem"}) CHECK_EQ(json[name], "", name);
    for (const char* name : {"sessions", "in_flight", "body_bytes"}) CHECK_EQ(json[name], 0, name);
    CHECK_EQ(json["settings_file"], "/etc/x.toml");
    CHECK_EQ(json["settings_since"], "2023-11-14T22:13:20Z");
    CHECK_EQ(json["body_budget"], 12345678);
    CHECK_EQ(json["workers"]["limit"], 3);
    CHECK(json["workers"]["zygote_pid"] > 0);
    CHECK_EQ(json["workers"]["down_reason"], "");
    CHECK(json["workers"]["missing_sandbox_steps"].is_array());
    CHECK_EQ(json["counters"].size(), static_cast<std::size_t>(Counter::kCount_));
}

void test_of_rules() {
    Fixture f;
    CHECK_EQ(f.json()["policy"]["rules"], 0);
    CHECK(f.json()["policy"]["valid_until"].is_null());
    CHECK_EQ(f.json()["policy"]["out_of_date"], false);
    for (const bool past : {true, false}) {
        const std::string day = past ? "2020-12-31" : "2999-12-31";
        const std::string toml = "valid_until = " + day + "\n[[rule]]\nname = \"a\"\nthen = {}\n";
        f.engine->swap_rules(parse_rules({{"p.toml", toml}}, f.engine->settings()).rules);
        CHECK_EQ(f.json()["policy"]["folder"], "/etc/optimilter/policy.d");
        CHECK_EQ(f.json()["policy"]["rules"], 1);
        CHECK_EQ(f.json()["policy"]["valid_until"], day);
        CHECK_EQ(f.json()["policy"]["out_of_date"], past);
    }
}

void test_of_a_busy_engine() {
    Fixture f;
    f.engine->sessions = 7;
    f.engine->in_flight.begin();
    f.engine->body_budget.take("c", 1000, 1 << 20, 100);
    f.counters.add(Counter::kMessagesReplaced, 5);
    const auto lease = f.pool->lease(Deadline::in_ms(20'000));
    CHECK(lease.has_value());
    const nlohmann::json json = f.json();
    CHECK_EQ(json["sessions"], 7);
    CHECK_EQ(json["in_flight"], 1);
    CHECK_EQ(json["body_bytes"], 1000);
    CHECK_EQ(json["counters"]["messages_replaced"], 5);
    CHECK_EQ(json["workers"]["busy"], 1);
}

void test_of_load() {
    Fixture f;
    CHECK(!f.json().contains("load"));
    LoadMonitor load(f.engine->load,
                     {[] { return PoolLoad(); }, [] { return 0u; },
                      [] { return std::optional<QueueSample>(); }, [] { return std::string(); }, "/nowhere"},
                     [](std::uint8_t, std::uint8_t, const LoadState&) {});
    f.run.load = &load;
    load.keep_sampling(*f.engine->settings());
    CHECK_EQ(f.json()["load"]["level"], 0);
    CHECK(engine_status_line(*f.engine, f.run).find("load") == std::string::npos);
    load.pin(3, 60'000, monotonic_ms(), *f.engine->settings());
    load.sample(monotonic_ms(), *f.engine->settings());
    CHECK_EQ(f.json()["load"]["level"], 3);
    CHECK(engine_status_line(*f.engine, f.run).ends_with(", load level 3"));
}

void test_of_an_engine_in_trouble() {
    Fixture f;
    CHECK(engine_status_line(*f.engine, f.run).starts_with("serving: 0 sessions, 0 messages"));
    f.run.problem = "broken";
    CHECK(engine_status_line(*f.engine, f.run).starts_with("in trouble: "));
    CHECK(engine_status_line(*f.engine, f.run).ends_with("; broken"));
    f.engine->drain_ordered = true;
    CHECK(f.json()["draining"] && !f.json()["stopping"]);
    CHECK(engine_status_line(*f.engine, f.run).starts_with("draining: "));
    f.engine->draining = true;
    CHECK(f.json()["draining"] && f.json()["stopping"]);
    CHECK(engine_status_line(*f.engine, f.run).starts_with("stopping: "));
    f.pool->stop();
    CHECK_EQ(f.json()["workers"]["zygote_pid"], 0);
    CHECK_EQ(f.json()["workers"]["zygote_uptime_s"], 0);
}

void test_of_the_queue() {
    Fixture f;
    CHECK(!f.json().contains("queue"));
    QueueMonitor monitor;
    f.run.queue = &monitor;
    nlohmann::json queue = f.json()["queue"];
    CHECK_EQ(queue["off_reason"], "no sample has come yet");
    for (const char* name : {"incoming", "active", "deferred", "hold", "retried", "oldest_ms"})
        CHECK(queue[name].is_null(), name);
    CHECK(queue["sources"].empty());
    QueueRecord record;
    record.folders_read = 2;
    record.incoming = 1;
    record.active = 2;
    record.deferred = 3;
    record.hold = 4;
    record.retried = 8;
    record.active_oldest_ms = 5000;
    record.pid = 6;
    record.version = "7.8";
    record.problem = "x: gone";
    monitor.take(record, QueueSocket::clock_ms());
    monitor.note_refused();
    queue = f.json()["queue"];
    CHECK_EQ(queue["off_reason"], "");
    CHECK(queue["incoming"] == 1 && queue["active"] == 2 && queue["deferred"] == 3 && queue["hold"] == 4 &&
          queue["retried"] == 8);
    CHECK(queue["oldest_ms"] == 5000 && queue["samples"] == 1 && queue["refused"] == 1);
    CHECK_EQ(queue["sources"].size(), 1u);
    const nlohmann::json source = queue["sources"][0];
    CHECK(source["pid"] == 6 && source["version"] == "7.8" && source["problem"] == "x: gone");
    CHECK(source["sample_age_ms"] >= 0 && source["active_oldest_ms"] == 5000);
}

// A path is bytes; JSON is not.
void test_of_bytes_that_are_no_text() {
    Fixture f;
    f.run.settings_file = "/etc/\xff\"\n.toml";
    CHECK_EQ(f.json()["settings_file"], "/etc/\xef\xbf\xbd\"\n.toml");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_of_a_fresh_engine),
                                TEST(test_of_rules),
                                TEST(test_of_a_busy_engine),
                                TEST(test_of_load),
                                TEST(test_of_the_queue),
                                TEST(test_of_an_engine_in_trouble),
                                TEST(test_of_bytes_that_are_no_text)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
