// SPDX-License-Identifier: Apache-2.0
#include "console/selfcheck.hpp"

#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "check.hpp"
#include "console/process_checks.hpp"
#include "console/queue_check.hpp"
#include "planted.hpp"

namespace optimilter {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

// ---- The list

void test_list() {
    const CheckList list = {{"disk", CheckState::kOk, "a"}, {"memory", CheckState::kFail, "b\"\xff"}};
    CHECK_EQ(check_table(list), "ok    disk       a\nfail  memory     b\"\xff\n");
    const auto json = nlohmann::json::parse(check_json(list));
    CHECK_EQ(json["state"], "fail");
    CHECK_EQ(json["checks"][0]["name"], "disk");
    CHECK_EQ(json["checks"][1]["state"], "fail");
    CHECK(worst_state({}) == CheckState::kOk);
    CHECK(worst_state({{"a", CheckState::kWarn, ""}, {"b", CheckState::kOk, ""}}) == CheckState::kWarn);
}

// ---- The machine

void test_disk() {
    struct Case {
        std::string_view name;
        DiskSpace space;
        CheckState want;
    };
    constexpr std::uint64_t kDisk = 100'000 * kMiB;
    constexpr Case kCases[] = {
        {"half free", {kDisk, kDisk / 2, 1000, 500}, CheckState::kOk},
        {"4 % free", {kDisk, kDisk / 25, 1000, 500}, CheckState::kWarn},
        {"nothing free", {kDisk, 0, 1000, 500}, CheckState::kFail},
        {"half a percent", {kDisk, kDisk / 200, 1000, 500}, CheckState::kFail},
        {"small and half free", {100 * kMiB, 50 * kMiB, 1000, 500}, CheckState::kWarn},
        {"small, 15 MiB", {100 * kMiB, 15 * kMiB, 1000, 500}, CheckState::kFail},
        {"few inodes", {kDisk, kDisk / 2, 1000, 40}, CheckState::kWarn},
        {"no inodes", {kDisk, kDisk / 2, 1000, 0}, CheckState::kFail},
        {"a file system that counts no inodes", {kDisk, kDisk / 2, 0, 0}, CheckState::kOk},
    };
    for (const Case& c : kCases) {
        const auto ask = [&](const std::string& folder) {
            return folder == "/gone" ? std::nullopt : std::optional(c.space);
        };
        CHECK(disk_check({"/", "/gone"}, ask).state == c.want, c.name);
    }
    const auto nothing = [](const std::string&) { return std::optional<DiskSpace>(); };
    CHECK(disk_check({"/"}, nothing).state == CheckState::kWarn);
    CHECK(disk_check({"/"}, disk_space).reason.starts_with("/ "));
    CHECK(!disk_space("/no/such/folder"));
}

void test_memory() {
    struct Case {
        std::string_view name, meminfo, pressure;
        CheckState want;
    };
    constexpr std::string_view kCalm =
        "some avg10=0.00 avg60=0.10 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n";
    constexpr Case kCases[] = {
        {"plenty", "MemTotal: 1000 kB\nMemAvailable:  500 kB\n", kCalm, CheckState::kOk},
        {"9 %", "MemTotal: 1000 kB\nMemAvailable: 90 kB\n", kCalm, CheckState::kWarn},
        {"2 %", "MemTotal: 1000 kB\nMemAvailable: 20 kB\n", kCalm, CheckState::kFail},
        {"somebody waits", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n", "some avg10=0 avg60=12.5 avg300=0",
         CheckState::kWarn},
        {"everybody waits", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n",
         "some avg60=0\nfull avg10=0 avg60=30.00 avg300=0", CheckState::kFail},
        {"no pressure file", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n", "", CheckState::kOk},
        {"no MemAvailable", "MemTotal: 1000 kB\n", kCalm, CheckState::kWarn},
        {"no number", "MemTotal: 1000 kB\nMemAvailable: x kB\n", kCalm, CheckState::kWarn},
        {"nothing in all", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", kCalm, CheckState::kWarn},
        {"empty", "", "", CheckState::kWarn},
    };
    for (const Case& c : kCases) {
        const Planted planted;
        planted.file("meminfo", std::string(c.meminfo));
        if (!c.pressure.empty()) planted.file("pressure/memory", std::string(c.pressure));
        CHECK(memory_check(planted.path()).state == c.want, c.name);
    }
    CHECK(memory_check("/no/such/proc").state == CheckState::kWarn);
}

void test_core_dumps() {
    const Planted planted;
    CHECK(core_dump_check(planted.path("nothing")).state == CheckState::kOk);
    planted.file("cores/core.postfix.0.zst", "");
    CHECK(core_dump_check(planted.path("cores")).state == CheckState::kOk);
    planted.file("cores/core.optimilter-engi.998.abc.zst", "");
    const Check check = core_dump_check(planted.path("cores"));
    CHECK(check.state == CheckState::kWarn && check.reason.starts_with("1 in "));
}

// ---- Queue and units

void test_postfix_queue() {
    const Planted planted;
    CHECK(postfix_queue_check(planted.path("none"), 0).state == CheckState::kWarn);
    planted.folder("q/incoming");
    planted.folder("q/active");
    const auto now = static_cast<std::int64_t>(::time(nullptr));
    CHECK(postfix_queue_check(planted.path("q"), now).state == CheckState::kOk);
    planted.file("q/active/A1", "");
    planted.file("q/incoming/2", "");
    planted.file("q/deferred/B/2/B2", "");
    const Check few = postfix_queue_check(planted.path("q"), now);
    CHECK(few.reason.starts_with("Postfix: incoming 1, active 1, deferred 1; "), few.reason);
    CHECK(few.state == CheckState::kOk);
    CHECK(postfix_queue_check(planted.path("q"), now + 1000).state == CheckState::kWarn);
    for (int i = 0; i < 2000; ++i) planted.file("q/active/C" + std::to_string(i), "");
    CHECK(postfix_queue_check(planted.path("q"), now).state == CheckState::kWarn);
}

void test_sendmail_queue() {
    const Planted planted;
    CHECK(sendmail_queue_check(planted.path("none")).state == CheckState::kWarn);
    planted.file("q/qfA", "");
    planted.file("q/dfA", "");
    const Check check = sendmail_queue_check(planted.path("q"));
    CHECK(check.reason.starts_with("Sendmail: 1 in "), check.reason);
    CHECK(check.state == CheckState::kOk);
}

void test_units() {
    struct Case {
        std::string_view name, shown;
        CheckState want;
        std::string_view reason;
    };
    constexpr Case kCases[] = {
        {"running",
         "Id=optimilter.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n"
         "NRestarts=0\n",
         CheckState::kOk, "optimilter.service active (running)"},
        {"failed, the other runs",
         "Id=a\nLoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=7\n\n"
         "Id=b\nLoadState=loaded\nActiveState=failed\nSubState=failed\nResult=watchdog\n",
         CheckState::kFail, "a active (running, 7 restarts); b failed (failed, watchdog)"},
        {"between two starts", "Id=a\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\n",
         CheckState::kWarn, "a activating (auto-restart)"},
        {"not installed", "Id=a\nLoadState=not-found\nActiveState=inactive\n", CheckState::kWarn,
         "a is not-found"},
        {"stopped by hand", "Id=a\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n",
         CheckState::kWarn, "a inactive (dead)"},
        {"no queue watch", "Id=optimilter-queuewatch.service\nLoadState=not-found\nActiveState=inactive\n",
         CheckState::kOk, "optimilter-queuewatch.service is not-found"},
        {"queue watch stopped",
         "Id=optimilter-queuewatch.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\n",
         CheckState::kOk, "optimilter-queuewatch.service inactive (dead)"},
        {"queue watch failed",
         "Id=optimilter-queuewatch.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n",
         CheckState::kFail, "optimilter-queuewatch.service failed (failed)"},
        {"nothing", "", CheckState::kWarn, "systemctl told nothing about our units"},
        {"no names", "ActiveState=failed\n\n\n=\n", CheckState::kWarn,
         "systemctl told nothing about our units"},
        {"hostile", "Id=\x1b[2J\nLoadState=\n", CheckState::kWarn, "?[2J is unknown"},
    };
    for (const Case& c : kCases) {
        const Check check = unit_check(parse_units(c.shown));
        CHECK(check.state == c.want, c.name);
        CHECK_EQ(check.reason, c.reason, c.name);
    }
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "Id=u\n\n";
    CHECK_EQ(parse_units(many).size(), 32u);
}

// ---- Guard and engine

void test_processes() {
    struct Case {
        std::string_view name, answer;
        CheckState guard, engine;
    };
    constexpr Case kCases[] = {
        {"guard, engine up", R"({"process":"guard","version":"1","pid":2,"uptime_s":3,"engine":"up"})",
         CheckState::kOk, CheckState::kFail},
        {"guard, engine down", R"({"process":"guard","engine":"down"})", CheckState::kFail,
         CheckState::kFail},
        {"guard, engine of a wrong kind", R"({"process":"guard","engine":1})", CheckState::kFail,
         CheckState::kFail},
        {"guard draining", R"({"process":"guard","engine":"up","draining":true})", CheckState::kWarn,
         CheckState::kFail},
        {"engine", R"({"process":"engine","workers":{"down_reason":""}})", CheckState::kFail,
         CheckState::kOk},
        {"engine without workers", R"({"process":"engine","workers":{"down_reason":"no memory"}})",
         CheckState::kFail, CheckState::kFail},
        {"engine in trouble", R"({"process":"engine","problem":"no sockets"})", CheckState::kFail,
         CheckState::kFail},
        {"engine draining", R"({"process":"engine","draining":true,"workers":[1]})", CheckState::kFail,
         CheckState::kWarn},
        {"no JSON", "hello", CheckState::kFail, CheckState::kFail},
        {"cut JSON", R"({"process":"engine")", CheckState::kFail, CheckState::kFail},
        {"a list", "[]", CheckState::kFail, CheckState::kFail},
        {"nothing", "", CheckState::kFail, CheckState::kFail},
    };
    for (const Case& c : kCases) {
        const auto ask = [&](const std::string&, const std::string&) -> Result<std::string> {
            return std::string(c.answer);
        };
        CHECK(guard_check("/g", ask).state == c.guard, c.name);
        CHECK(engine_check("/e", ask).state == c.engine, c.name);
    }
    const auto nobody = [](const std::string&, const std::string&) -> Result<std::string> {
        return Error{ErrorCode::kIo, "/g: nobody"};
    };
    CHECK_EQ(guard_check("/g", nobody).reason, "/g: nobody");
    const auto locked = [](const std::string&, const std::string&) -> Result<std::string> {
        return Error{ErrorCode::kRefused, "/g: only for others"};
    };
    CHECK(guard_check("/g", locked).state == CheckState::kWarn);
    CHECK(guard_check("", nobody).state == CheckState::kOk);
    for (const auto& [queue, want] :
         {std::pair(R"({"off_reason":"no sample has come yet"})",
                    "; no samples of optimilter-queuewatch: no sample has come yet"),
          std::pair(R"({"off_reason":""})", ", counts of the queue come in"), std::pair("[]", " s")}) {
        const std::string json = R"({"process":"engine","queue":)" + std::string(queue) + "}";
        const Check check = engine_check(
            "/e", [&](const std::string&, const std::string&) -> Result<std::string> { return json; });
        CHECK(check.state == CheckState::kOk, queue);
        CHECK(check.reason.ends_with(want), queue);
    }
    CHECK(engine_check("", nobody).state == CheckState::kOk);
}

void test_worker_processes() {
    const ProcessEntry owned{5, 4, "optimilter-work", "/w", 'S', 1};
    const ProcessEntry hidden{6, 4, "optimilter-work", "", 'S', 1};
    CHECK(process_check({owned}, {}, "/w").state == CheckState::kOk);
    CHECK(process_check({owned, hidden}, {}, "/w").state == CheckState::kWarn);
    // One that has ended shows no program to anybody.
    const ProcessEntry ended{7, 1, "optimilter-work", "", 'Z', 1};
    CHECK(process_check({owned, ended}, {}, "/w").state == CheckState::kOk);
    CHECK(process_check({owned}, {}, "").state == CheckState::kWarn);
    const Check one = process_check({owned}, {owned}, "/w");
    CHECK(one.state == CheckState::kFail);
    CHECK_EQ(one.reason, "one process of optimilter-worker that nothing owns: 5");
    const Check many = process_check({}, std::vector<ProcessEntry>(20, owned), "/w");
    CHECK(many.reason.ends_with("5, 5, 5, 5, 5, 5, 5, 5, ..."));
}

// ---- All together

SelfcheckSources planted_machine(const Planted& planted) {
    planted.file("proc/meminfo", "MemTotal: 1000 kB\nMemAvailable: 500 kB\n");
    planted.file("proc/net/unix", "");
    planted.process(1, 0, "systemd", "/lib/systemd/systemd");
    planted.process(7, 1, "optimilter-work", planted.path("optimilter-worker"));
    planted.file("optimilter-worker", "");
    planted.folder("q/incoming");
    planted.folder("q/active");
    SelfcheckSources sources;
    sources.settings_file = "/etc/x.toml";
    sources.worker_program = planted.path("optimilter-worker");
    sources.proc = planted.path("proc");
    sources.systemd = planted.path("systemd");
    sources.core_dumps = planted.path("cores");
    sources.logs = planted.path();
    sources.sendmail_cf = planted.path("sendmail.cf");
    sources.sendmail_queue = planted.path("mqueue");
    sources.loaded.settings.listen = "unix:" + planted.path("listen.sock");
    sources.loaded.settings.engine_socket = "unix:" + planted.path("engine.sock");
    sources.loaded.settings.control_socket = planted.path("control.sock");
    sources.loaded.settings.guard_status_socket = planted.path("guard.sock");
    sources.disk_space = [](const std::string&) {
        return std::optional(DiskSpace{1ull << 40, 1ull << 39, 1000, 500});
    };
    sources.ask = [](const std::string&, const std::string&) -> Result<std::string> {
        return Error{ErrorCode::kIo, "nobody"};
    };
    sources.postconf = [queue =
                            planted.path("q")](const std::vector<std::string>& words) -> Result<std::string> {
        return words.size() == 1 ? "queue_directory = " + queue + "\nsmtpd_milters =\n"
                                 : std::string("smtp inet n - n - - smtpd\n");
    };
    sources.systemctl = [](const std::vector<std::string>&) -> Result<std::string> {
        return std::string("Id=optimilter.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n");
    };
    return sources;
}

const Check& named(const SelfcheckFindings& findings, std::string_view name) {
    for (const Check& check : findings.checks)
        if (check.name == name) return check;
    throw std::runtime_error("no check " + std::string(name));
}

void test_every_check_is_made() {
    const Planted planted;
    const auto findings = selfcheck(planted_machine(planted));
    std::vector<std::string_view> names;
    for (const Check& check : findings.checks) {
        names.push_back(check.name);
        CHECK(!check.reason.empty() && check.reason.find('\n') == std::string::npos, check.name);
    }
    CHECK(names == check_names());
    CHECK_EQ(findings.orphans.size(), 1u);
    CHECK(named(findings, "settings").state == CheckState::kOk);
    CHECK(named(findings, "sockets").state == CheckState::kFail);
    CHECK(named(findings, "processes").state == CheckState::kFail);
    CHECK(named(findings, "mta").state == CheckState::kWarn);
    CHECK(named(findings, "queue").state == CheckState::kOk);
    CHECK_EQ(named(findings, "units").reason, "no systemd: not checked");
    CHECK(findings.units.empty());
}

void test_with_systemd() {
    const Planted planted;
    SelfcheckSources sources = planted_machine(planted);
    planted.folder("systemd");
    const auto findings = selfcheck(sources);
    CHECK(named(findings, "units").state == CheckState::kFail);
    CHECK_EQ(findings.units.size(), 1u);
    sources.systemctl = [](const std::vector<std::string>&) -> Result<std::string> {
        return Error{ErrorCode::kDeadline, "systemctl did not end"};
    };
    CHECK_EQ(named(selfcheck(sources), "units").reason, "systemctl did not end");
}

void test_bad_settings() {
    const Planted planted;
    SelfcheckSources sources = planted_machine(planted);
    sources.loaded.problems = {{"f:1: wrong"}, {"f:2: wrong"}};
    const Check check = named(selfcheck(sources), "settings");
    CHECK(check.state == CheckState::kFail);
    CHECK_EQ(check.reason, "f:1: wrong (and 1 more)");
}

void test_bad_rules() {
    const Planted planted;
    SelfcheckSources sources = planted_machine(planted);
    sources.rules = parse_rules({{"p.toml", "rule = 1\n"}}, std::make_shared<const Settings>());
    CHECK_EQ(named(selfcheck(sources), "settings").reason, "p.toml:1: want [[rule]], with two brackets");
    sources.rules =
        parse_rules({{"p.toml", "valid_until = 2020-01-31\n"}}, std::make_shared<const Settings>());
    sources.now = 1'580'515'199;  // the last second of that day
    CHECK(named(selfcheck(sources), "settings").state == CheckState::kOk);
    ++sources.now;
    const Check check = named(selfcheck(sources), "settings");
    CHECK(check.state == CheckState::kWarn);
    CHECK_EQ(check.reason, "p.toml was valid until 2020-01-31: all mail passes unchanged");
}

void test_sendmail_and_no_mta() {
    const Planted planted;
    SelfcheckSources sources = planted_machine(planted);
    sources.postconf = [](const std::vector<std::string>&) -> Result<std::string> {
        return Error{ErrorCode::kIo, "run postconf: No such file or directory"};
    };
    CHECK(named(selfcheck(sources), "mta").reason.starts_with("no Postfix (run postconf"));
    CHECK(named(selfcheck(sources), "queue").state == CheckState::kWarn);
    planted.file("sendmail.cf", "V10\n");
    planted.file("mqueue/qfA", "");
    const auto findings = selfcheck(sources);
    CHECK(named(findings, "mta").reason.starts_with("Sendmail: "));
    CHECK(named(findings, "queue").reason.starts_with("Sendmail: 1 in "));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_list),
        TEST(test_disk),
        TEST(test_memory),
        TEST(test_core_dumps),
        TEST(test_units),
        TEST(test_postfix_queue),
        TEST(test_processes),
        TEST(test_sendmail_queue),
        TEST(test_with_systemd),
        TEST(test_worker_processes),
        TEST(test_bad_settings),
        TEST(test_bad_rules),
        TEST(test_every_check_is_made),
        TEST(test_sendmail_and_no_mta),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
