// SPDX-License-Identifier: Apache-2.0
#include "console/status_report.hpp"

#include <nlohmann/json.hpp>
#include <vector>

#include "check.hpp"

namespace optimilter {
namespace {

using Json = nlohmann::ordered_json;

Json guard_json() {
    return Json::parse(R"({"process":"guard","version":"1.2","pid":11,"uptime_s":7265,"draining":false,
        "passing_all":false,"engine":"up","sessions":3,"counters":{"sessions":9,"messages":8,"engine_died":0}})");
}

Json engine_json() {
    return Json::parse(R"({"process":"engine","version":"1.2","pid":12,"uptime_s":59,"draining":false,
        "stopping":false,"problem":"","settings_file":"/etc/o.toml","settings_since":"2025-06-01T10:00:00Z",
        "settings_problem":"","sessions":2,"in_flight":1,"body_bytes":1572864,"body_budget":268435456,
        "workers":{"limit":4,"busy":1,"idle":2,"warming":0,"waiting":0,"zygote_pid":13,"zygote_uptime_s":59,
        "down_reason":"","missing_sandbox_steps":[]},
        "queue":{"off_reason":"","incoming":3,"active":40,"deferred":500,"hold":6,"retried":7,"oldest_ms":61000,"samples":9,
        "refused":0,"sources":[{"pid":14,"version":"1.2","uptime_s":58,"sample_age_ms":200,"interval_ms":1000,
        "cost_us":5230,"incoming_oldest_ms":0,"active_oldest_ms":61000,"folders_read":2,"folders_lost":0,
        "problem":""}]},"counters":{"messages":8,"messages_replaced":5}})");
}

ProcessReplies both(const Json& guard, const Json& engine) {
    return {"/g", "/e", {Reach::kAnswered, guard.dump()}, {Reach::kAnswered, engine.dump()}, {}};
}

bool says(const StatusReport& report, std::string_view text) {
    return report.text.find(text) != std::string::npos;
}

void test_all_well() {
    const StatusReport report = report_status(both(guard_json(), engine_json()));
    CHECK(report.well());
    for (const char* text :
         {"guard     running, version 1.2, pid 11, up 2 h 1 min\n", "3 sessions, engine up\n",
          "sessions 9, messages 8\n", "engine    running, version 1.2, pid 12, up 59 s\n",
          "settings /etc/o.toml, read 2025-06-01T10:00:00Z\n",
          "2 sessions, 1 at their end; bodies take 1.5 MiB of 256.0 MiB\n",
          "messages 8, messages_replaced 5\n", "zygote    running, pid 13, up 59 s\n",
          "workers   1 of 4 busy, 2 idle, 0 warming; 0 messages wait\n", "sandbox   complete\n",
          "queuewatch running, version 1.2, pid 14, up 58 s; a sample takes 5.2 ms\n",
          "queue     incoming 3, active 40 (oldest 1 min), tried again 7, deferred 500, hold 6\n",
          "all well\n"})
        CHECK(says(report, text), text);
    CHECK(!says(report, "engine_died"));
    const Json json = Json::parse(report.json);
    CHECK(json["ok"] == true && json["problems"].empty());
    CHECK_EQ(json["guard"]["state"], "running");
    CHECK_EQ(json["guard"]["pid"], 11);
    CHECK_EQ(json["engine"]["workers"]["idle"], 2);
}

Json load_json() {
    return Json::parse(
        R"({"level":2,"level_s":190,"pressure":0.6249,"signal":"cpu","cause":"job_wait","pin":null,
        "bypass":false,"probe_one_in":0,"min_size":32768,"max_size":8388608,"effort_max":1,
        "signals":{"cpu":56.2},"signals_off":{"sessions":"mta_sessions is 0","queue_age":"no samples"}})");
}

void test_load() {
    struct Case {
        const char* name;
        const char* patch;
        std::vector<const char*> want;
        std::size_t want_problems;
    };
    const Case cases[] = {
        {"narrowed",
         "{}",
         {"load      level 2 of 5 for 3 min, because of job_wait: attachments of 32KiB to 8MiB with effort 1 "
          "are "
          "worked on\n",
          "pressure 0.62, most of it by cpu\n", "signals off: sessions (mta_sessions is 0)\n"},
         0},
        {"calm", R"({"level":0,"cause":"none"})", {"level 0 of 5 for 3 min: everything is worked on\n"}, 0},
        {"bypass",
         R"({"level":5,"bypass":true,"probe_one_in":20})",
         {"one message in 20 is read\n", "problem   load: mail passes untouched until the load is gone\n"},
         1},
        {"ordered",
         R"({"level":5,"bypass":true,"pin":{"level":5,"left_s":1800}})",
         {"no message is read\n", "ordered for 30 min more\n", "is gone, as ordered\n"},
         1},
        {"nonsense",
         R"({"level":"x","pressure":"\u001b","signal":[],"pin":7,"signals_off":3})",
         {"level 0 of 5"},
         0},
    };
    for (const Case& c : cases) {
        Json engine = engine_json(), load = load_json();
        load.merge_patch(Json::parse(c.patch));
        engine["load"] = load;
        const StatusReport all = report_status(both(guard_json(), engine));
        const StatusReport alone = report_load("/e", {Reach::kAnswered, engine.dump()});
        for (const StatusReport& report : {all, alone}) {
            CHECK_EQ(report.problems.size(), c.want_problems, c.name);
            for (const char* text : c.want) CHECK(says(report, text), c.name);
        }
        CHECK(!says(alone, "zygote"), c.name);
    }
    CHECK(!report_load("/e", {Reach::kNotRunning, "no socket"}).well());
    CHECK(!says(report_status(both(guard_json(), engine_json())), "load"));  // an engine of before
}

void test_what_is_wrong() {
    struct Case {
        const char* name;
        const char* guard_patch;
        const char* engine_patch;
        const char* want;
    };
    for (const Case& row : {
             Case{"breaker", R"({"engine":"hanging"})", "{}", "the guard's circuit breaker is open"},
             {"engine away", R"({"engine":"down"})", "{}", "the guard does not reach the engine"},
             {"guard tells nothing of the engine", R"({"engine":null})", "{}", "does not reach the engine"},
             {"guard stops", R"({"draining":true})", "{}", "guard draining"},
             {"guard has bad settings", R"({"passing_all":true})", "{}", "when the guard started"},
             {"drain", "{}", R"({"draining":true})", "engine draining: new mail passes unchanged"},
             {"engine stops", "{}", R"({"draining":true,"stopping":true})", "engine stopping"},
             {"trouble", "{}", R"({"problem":"it hangs"})", "engine in trouble: it hangs"},
             {"reload failed", "{}", R"({"settings_problem":"o.toml:3: x"})",
              "older settings are used: o.toml:3"},
             {"rules out of date", "{}", R"({"policy":{"valid_until":"2026-01-31","out_of_date":true}})",
              "the rules were valid until 2026-01-31: all mail passes unchanged"},
             {"no workers", "{}", R"({"workers":{"down_reason":"no memory"}})",
              "cannot be started: no memory"},
             {"queue cannot be read", "{}",
              R"({"queue":{"sources":[{"problem":"/q/active cannot be read: x"}]}})",
              "queuewatch: /q/active cannot be read: x"},
             {"no zygote", "{}", R"({"workers":{"zygote_pid":0}})", "zygote not running"},
             {"engine says nothing of workers", "{}", R"({"workers":null})", "zygote not running"},
         }) {
        Json guard = guard_json(), engine = engine_json();
        guard.merge_patch(Json::parse(row.guard_patch));
        engine.merge_patch(Json::parse(row.engine_patch));
        const StatusReport report = report_status(both(guard, engine));
        CHECK_EQ(report.problems.size(), 1u, row.name);
        CHECK(report.problems[0].find(row.want) != std::string::npos, row.name);
        CHECK(says(report, "problem   " + report.problems[0]), row.name);
        CHECK(!says(report, "all well"), row.name);
        const Json json = Json::parse(report.json);
        CHECK(json["ok"] == false && json["problems"][0] == report.problems[0], row.name);
    }
}

void test_who_gives_no_status() {
    struct Case {
        const char* name;
        ProcessReply reply;
        const char* want_state;
    };
    for (const Case& row : {
             Case{"away", {Reach::kNotRunning, "there is no socket /e"}, "not running"},
             {"hangs", {Reach::kNotAnswering, "no answer in time"}, "not answering"},
             {"not ours",
              {Reach::kNotAllowed, "/e is open to root and to group x only"},
              "not allowed to ask"},
             {"nothing", {Reach::kAnswered, ""}, "not answering"},
             {"no JSON", {Reach::kAnswered, "220 mail.example ESMTP\r\n"}, "not answering"},
             {"half of it", {Reach::kAnswered, engine_json().dump().substr(0, 200)}, "not answering"},
             {"another's", {Reach::kAnswered, guard_json().dump()}, "not answering"},
             {"a list", {Reach::kAnswered, "[1,2]"}, "not answering"},
             {"deep", {Reach::kAnswered, std::string(100'000, '[')}, "not answering"},
         }) {
        ProcessReplies replies = both(guard_json(), engine_json());
        replies.engine = row.reply;
        const StatusReport report = report_status(replies);
        CHECK_EQ(report.problems.size(), 1u, row.name);
        CHECK(report.problems[0].starts_with(std::string("engine ") + row.want_state + ": "), row.name);
        const Json json = Json::parse(report.json);
        CHECK_EQ(json["engine"]["state"], row.want_state, row.name);
        CHECK(json["engine"]["reason"].is_string(), row.name);
        CHECK_EQ(json["guard"]["state"], "running", row.name);
    }
}

// Fields of other kinds, control characters, numbers beyond all bounds: shown as well as can be.
void test_hostile_fields() {
    for (const char* value : {"null", "true", "-1", "1e400", "18446744073709551615", "\"\\u001b[2Jx\"", "[]",
                              "{}", "[[[]]]", "{\"a\":\"b\"}"}) {
        Json engine = engine_json();
        std::vector<std::string> names;
        for (const auto& item : engine.items()) names.push_back(item.key());
        for (const std::string& name : names) {
            if (name == "process") continue;
            Json changed = engine;
            const Json parsed = Json::parse(value, nullptr, false);
            if (parsed.is_discarded()) continue;
            changed[name] = parsed;
            const StatusReport report = report_status(both(guard_json(), changed));
            CHECK(says(report, "engine    running"), name);
            CHECK(report.text.find('\x1b') == std::string::npos, name);
        }
    }
}

// Dates stand at the top; what is over is told by `alerts` alone.
void test_alerts() {
    Json engine = engine_json();
    engine["alerts"] = Json::parse(R"([
        {"kind":"bypass","since":1,"cleared":0,"text":"pressure 1.4"},
        {"kind":"restarts","since":1,"cleared":1,"text":"the engine ended"},
        {"kind":"valid_until","since":1,"cleared":0,"text":"policy a.toml was valid until yesterday"},"x",{}])");
    ProcessReplies replies = both(guard_json(), engine);
    replies.certificates = {"/c.pem is valid until tomorrow"};
    const StatusReport report = report_status(replies);
    CHECK(
        report.text.starts_with("*** /c.pem is valid until tomorrow ***\n"
                                "*** policy a.toml was valid until yesterday ***\n"));
    CHECK(says(report, "\nproblem   alert bypass: pressure 1.4\n") && !says(report, "restarts"));
    CHECK(!report.well());
    engine["alerts"] = "x";
    CHECK(report_status(both(guard_json(), engine)).well());
}

void test_notes_are_no_problems() {
    Json engine = engine_json();
    engine["version"] = "1.3";
    engine["workers"]["missing_sandbox_steps"] = {"Landlock", "user namespaces"};
    const StatusReport report = report_status(both(guard_json(), engine));
    CHECK(report.well());
    CHECK(says(report, "sandbox   this kernel lacks: Landlock, user namespaces\n"));
    CHECK(says(report, "different versions"));
}

void test_queue_is_off() {
    Json engine = engine_json();
    engine["queue"] = Json::parse(
        R"({"off_reason":"the last sample came 9 s ago","incoming":null,"active":null,"sources":[]})");
    const StatusReport report = report_status(both(guard_json(), engine));
    CHECK(report.well());
    CHECK(says(report, "queue     no samples, that signal is off: the last sample came 9 s ago\n"));
    CHECK(!says(report, "queuewatch"));
}

void test_not_asked() {
    const StatusReport report = report_status({"", "", {}, {}, {}});
    CHECK(report.well());
    CHECK(says(report, "guard     not asked") && says(report, "engine    not asked"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_alerts),
                                TEST(test_all_well),
                                TEST(test_load),
                                TEST(test_what_is_wrong),
                                TEST(test_who_gives_no_status),
                                TEST(test_hostile_fields),
                                TEST(test_notes_are_no_problems),
                                TEST(test_queue_is_off),
                                TEST(test_not_asked)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
