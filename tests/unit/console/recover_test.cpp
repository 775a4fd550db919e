// SPDX-License-Identifier: Apache-2.0
#include "console/recover.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "check.hpp"
#include "planted.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000, kMinute = 60, kHour = 3600;

UnitState failed_unit(std::string_view name = kEngineUnit) {
    return {std::string(name), "loaded", "failed", "failed", "exit-code", "9"};
}

// ---- What is remembered

void test_clock_set_back() {
    RecoverState state;
    state.note_start("u", kNow);
    state.note_start("u", kNow);
    const std::int64_t earlier = kNow - 400 * 24 * kHour;
    CHECK(state.start_is_due("u", earlier));
}

void test_starts_back_off_and_never_end() {
    RecoverState state;
    std::vector<std::int64_t> minutes;
    for (std::int64_t now = kNow; now < kNow + 3 * kHour; now += kMinute) {
        if (!state.start_is_due("u", now)) continue;
        state.note_start("u", now);
        minutes.push_back((now - kNow) / kMinute);
    }
    CHECK((minutes == std::vector<std::int64_t>{0, 1, 3, 7, 15, 31, 61, 91, 121, 151}));
    // Health forgives only after an hour of it.
    state.note_healthy("u", kNow + 3 * kHour);
    CHECK(!state.start_is_due("u", kNow + 151 * kMinute + 1));
    state.note_healthy("u", kNow + 5 * kHour);
    CHECK(state.start_is_due("u", kNow + 5 * kHour));
    state.note_start("u", kNow + 5 * kHour);
    CHECK(state.start_is_due("u", kNow + 5 * kHour + kMinute));
}

void test_state_round_trip() {
    RecoverState state;
    AlertLook look;
    look.facts.push_back({.key = "engine", .kind = "engine", .text = "gone", .over = {}});
    state.ledger.see(look, kNow);
    state.ledger.note_told(Channel::kMail, state.ledger.due(Channel::kMail, kNow), kNow);
    state.note_start("u", kNow);
    state.new_restarts("u", 7);
    state.notices = {{"root", "a@example.org"}, "f@example.org", "smtp:127.0.0.1:25", "https://a.test/x"};
    RecoverState again = RecoverState::parse(state.print());
    CHECK_EQ(again.print(), state.print());
    CHECK_EQ(again.notices.to.size(), 2u);
    CHECK_EQ(again.notices.via, "smtp:127.0.0.1:25");
    CHECK_EQ(again.notices.webhook, "https://a.test/x");
    CHECK_EQ(again.notices.channels().size(), 2u);
    again.ledger.see(look, kNow + 1);
    CHECK(again.ledger.due(Channel::kMail, kNow + 1).empty());
    CHECK_EQ(again.new_restarts("u", 9), 2u);
    CHECK(!again.start_is_due("u", kNow + 59));
}

void test_broken_state_is_empty() {
    constexpr std::string_view kBroken[] = {
        "",
        "{",
        "[]",
        "null",
        R"({"units":[1]})",
        R"({"units":{"u":1},"restarts":[]})",
        R"({"units":{"u":{"tries":-5}},"restarts":{"u":-1}})",
        R"({"units":{"u":{"last_try":99999999999999999999}},"restarts":{"u":"x"}})",
        R"({"notices":"notify = [\"-oQ/tmp\"]"})",
    };
    for (const std::string_view text : kBroken) {
        RecoverState state = RecoverState::parse(std::string(text));
        CHECK(state.start_is_due("u", kNow), text);
        CHECK(state.notices.to.empty(), text);
    }
    std::string many = R"({"units":{)";
    for (int i = 0; i < 100000; ++i) many += "\"c" + std::to_string(i) + "\":{},";
    RecoverState::parse(many + "\"x\":{}}}");
}

void test_state_folder() {
    const Planted planted;
    const std::string path = planted.path("state");
    RecoverState state;
    state.note_start("u", kNow);
    {
        const auto folder = StateFolder::open(path);
        CHECK(folder.has_value());
        CHECK(folder->read().start_is_due("u", kNow));
        CHECK(folder->write(state).has_value());
        const auto second = StateFolder::open(path);
        CHECK(!second && second.error().code == ErrorCode::kRefused);
    }
    struct stat file {};
    CHECK_EQ(::stat(path.c_str(), &file), 0);
    CHECK_EQ(file.st_mode & 0777u, 0700u);
    CHECK(!StateFolder::peek(path).start_is_due("u", kNow));
    CHECK(StateFolder::peek(planted.path("nothing")).start_is_due("u", kNow));
    CHECK(::access(planted.path("nothing").c_str(), F_OK) != 0);
    const auto folder = StateFolder::open(path);
    CHECK(!folder->read().start_is_due("u", kNow));
    std::ofstream(path + "/state.json") << "{broken";
    CHECK(folder->read().start_is_due("u", kNow));
    // Links are not followed: not to read, not to write.
    planted.file("elsewhere", "keep");
    for (const char* name : {"/state.json", "/state.json.new"}) {
        ::unlink((path + name).c_str());
        CHECK_EQ(::symlink(planted.path("elsewhere").c_str(), (path + name).c_str()), 0);
    }
    CHECK(!folder->write(state).has_value());
    std::string kept;
    std::ifstream(planted.path("elsewhere")) >> kept;
    CHECK_EQ(kept, "keep");
}

void test_folders_that_are_not_ours() {
    const Planted planted;
    planted.folder("open");
    ::chmod(planted.path("open").c_str(), 0777);
    CHECK(!StateFolder::open(planted.path("open")));
    planted.folder("real");
    ::chmod(planted.path("real").c_str(), 0700);
    planted.link("link", planted.path("real"));
    CHECK(!StateFolder::open(planted.path("link")));
    planted.file("file", "");
    CHECK(!StateFolder::open(planted.path("file")));
    CHECK(!StateFolder::open(planted.path("no/such/parent")));
    if (::geteuid() == 0) {
        CHECK(::chown(planted.path("real").c_str(), 65534, 65534) == 0);
        const auto foreign = StateFolder::open(planted.path("real"));
        CHECK(!foreign && foreign.error().code == ErrorCode::kRefused);
    }
}

// ---- What is planned and done

SelfcheckFindings sound() {
    SelfcheckFindings findings;
    for (const std::string_view name : check_names())
        findings.checks.push_back({std::string(name), CheckState::kOk, "fine"});
    findings.units = {{std::string(kEngineUnit), "loaded", "active", "running", "success", "0"}};
    return findings;
}

std::string deeds_of(const RecoverPlan& plan) {
    std::string text;
    for (const Deed& deed : plan.deeds) text += deed.what + "\n";
    for (const std::string& left : plan.left) text += "left: " + left + "\n";
    return text;
}

std::string keys_of(const std::vector<AlertFact>& facts) {
    std::string text;
    for (const AlertFact& fact : facts) text += (text.empty() ? "" : " ") + fact.key;
    return text;
}

void test_nothing_wrong_nothing_done() {
    const RecoverPlan plan = plan_recovery(sound(), {}, kNow);
    CHECK_EQ(deeds_of(plan), "");
    CHECK(facts_of(sound()).empty());
}

void test_warnings_are_no_causes() {
    SelfcheckFindings findings = sound();
    for (Check& check : findings.checks) check.state = CheckState::kWarn;
    CHECK(facts_of(findings).empty());
}

void test_plan() {
    SelfcheckFindings findings = sound();
    findings.checks[3].state = CheckState::kFail;
    findings.orphans = {{50, 1, "optimilter-work", "/w", 'T', 100}};
    findings.sockets = {
        {{"listen", "unix:/a", {}, "", ""}, SocketAnswer::kStale, CheckState::kFail, ""},
        {{"engine_socket", "unix:/b", {}, "", ""}, SocketAnswer::kAnswers, CheckState::kOk, ""},
        {{"control_socket", "unix:/c", {}, "", ""}, SocketAnswer::kHeld, CheckState::kFail, ""},
        {{"x", "unix:/d", {}, "", ""}, SocketAnswer::kNoSocket, CheckState::kFail, ""},
        {{"y", "unix:/e", {}, "", ""}, SocketAnswer::kNoReach, CheckState::kWarn, ""},
    };
    findings.units = {failed_unit()};
    const RecoverPlan plan = plan_recovery(findings, {}, kNow);
    CHECK_EQ(deeds_of(plan),
             "end process 50 (optimilter-work), which nothing owns\n"
             "remove /a, a socket that nobody serves\n"
             "start optimilter-engine.service, which has failed\n");
    CHECK_EQ(keys_of(facts_of(findings)), "sockets optimilter-engine.service");
}

void test_units_that_are_left() {
    for (const char* active : {"active", "activating", "inactive", "deactivating", ""}) {
        SelfcheckFindings findings = sound();
        findings.units[0].active = active;
        CHECK_EQ(deeds_of(plan_recovery(findings, {}, kNow)), "", active);
    }
    SelfcheckFindings findings = sound();
    findings.units = {failed_unit()};
    findings.checks[0].state = CheckState::kFail;
    CHECK_EQ(deeds_of(plan_recovery(findings, {}, kNow)),
             "left: optimilter-engine.service is not started: the settings have problems\n");
    findings.checks[0].state = CheckState::kOk;
    RecoverState state;
    state.note_start(std::string(kEngineUnit), kNow - 30);
    CHECK_EQ(deeds_of(plan_recovery(findings, state, kNow)),
             "left: optimilter-engine.service failed again soon after its last start; the next try comes "
             "later\n");
}

void test_starting_a_unit() {
    SelfcheckFindings findings = sound();
    findings.units = {failed_unit()};
    std::string asked;
    SelfcheckSources sources;
    sources.now = kNow;
    sources.systemctl = [&](const std::vector<std::string>& words) -> Result<std::string> {
        for (const std::string& word : words) asked += word + " ";
        asked += "\n";
        return std::string();
    };
    RecoverState state;
    const auto told = do_deeds(plan_recovery(findings, state, kNow), sources, state);
    CHECK_EQ(asked, "reset-failed optimilter-engine.service \n--no-block start optimilter-engine.service \n");
    CHECK_EQ(told.told.at(0), "start optimilter-engine.service, which has failed: done");
    CHECK(told.failed.empty());
    CHECK(!state.start_is_due(std::string(kEngineUnit), kNow + 1));
    sources.systemctl = [](const std::vector<std::string>&) -> Result<std::string> {
        return Error{ErrorCode::kIo, "no bus"};
    };
    RecoverState other;
    CHECK_EQ(do_deeds(plan_recovery(findings, other, kNow), sources, other).told.at(0),
             "start optimilter-engine.service, which has failed: not done, no bus");
    CHECK(!other.start_is_due(std::string(kEngineUnit), kNow + 1));
}

// ---- What may be told

// systemctl restart, and an upgrade, look like this for a moment.
void test_facts_while_a_unit_restarts() {
    SelfcheckFindings findings = sound();
    for (Check& check : findings.checks)
        if (check.name == "engine" || check.name == "disk") check.state = CheckState::kFail;
    for (const char* active : {"activating", "deactivating", "inactive"}) {
        findings.units[0].active = active;
        const std::vector<AlertFact> facts = facts_of(findings);
        CHECK_EQ(keys_of(facts), "disk engine", active);
        CHECK(facts[0].patience == 0 && facts[1].patience > 0, active);
    }
    for (const char* active : {"active", "failed"}) {
        findings.units[0].active = active;
        CHECK_EQ(facts_of(findings)[1].patience, 0, active);
    }
    findings.units.clear();  // no systemd
    CHECK_EQ(facts_of(findings)[1].patience, 0);
}

void test_facts_of_certificates() {
    SelfcheckFindings findings = sound();
    findings.certificates = {{"/a.pem", CheckState::kOk, "fine"},
                             {"/b.pem", CheckState::kWarn, "/b.pem is valid until"},
                             {"/c.pem", CheckState::kFail, "/c.pem was valid until"}};
    CHECK_EQ(keys_of(facts_of(findings)), "certs:/b.pem certs:/c.pem");
    CHECK_EQ(facts_of(findings)[0].kind, "certs");
}

void test_what_systemd_started_again() {
    RecoverState state;
    CHECK_EQ(state.new_restarts("u", 4), 0u);  // the first look only learns
    CHECK_EQ(state.new_restarts("u", 4), 0u);
    CHECK_EQ(state.new_restarts("u", 6), 2u);
    CHECK_EQ(state.new_restarts("u", 0), 0u);  // systemctl restart
    CHECK_EQ(state.new_restarts("u", 1), 1u);
}

constexpr char kStatus[] = R"({"process":"engine","alerts":[
    {"kind":"bypass","since":1700000000,"cleared":0,"count":2,"text":"pressure 1.4","over":""},
    {"kind":"","since":1},{"kind":7},"x",null,
    {"kind":"restarts","since":1700000001,"cleared":1700000001,"count":-1,"text":5}]})";

void test_the_board() {
    std::vector<AlertFact> facts;
    CHECK(add_board_facts(kStatus, facts));
    CHECK_EQ(keys_of(facts), "bypass restarts");
    CHECK(facts[0].from_board && facts[0].count == 2 && facts[0].cleared == 0);
    CHECK(facts[1].cleared == 1700000001 && facts[1].count == 0 && facts[1].text.empty());
    for (const char* text : {"", "{", "[]", R"({"process":"guard","alerts":[]})"})
        CHECK(!add_board_facts(text, facts), text);
    std::string many = R"({"process":"engine","alerts":[{"kind":"a"})";
    for (int i = 0; i < 10000; ++i) many += R"(,{"kind":"a"})";
    facts.clear();
    CHECK(add_board_facts(many + "]}", facts) && facts.size() <= 32);
}

void test_all_of_a_look() {
    SelfcheckFindings findings = sound();
    findings.units.push_back({std::string(kGuardUnit), "loaded", "active", "running", "success", "3"});
    SelfcheckSources sources;
    sources.now = kNow;
    sources.ask = [](const std::string&, const std::string& command) -> Result<std::string> {
        CHECK_EQ(command, "status");
        return std::string(kStatus);
    };
    RecoverState state;
    AlertLook look = alert_look(findings, {}, sources, state);
    CHECK(look.board_known && keys_of(look.facts) == "bypass restarts");
    state.ledger.see(look, kNow);
    findings.units[1].restarts = "5";
    look = alert_look(findings, {{}, {"start x: not done"}}, sources, state);
    CHECK_EQ(keys_of(look.facts), "recovery restarts:optimilter.service bypass restarts");
    CHECK(look.facts[1].text.ends_with(", 2 times") && look.facts[1].count == 2);
    sources.ask = [](const std::string&, const std::string&) -> Result<std::string> {
        return Error{ErrorCode::kIo, "gone"};
    };
    CHECK(!alert_look(findings, {}, sources, state).board_known);
    sources.loaded.settings.control_socket.clear();
    CHECK(!alert_look(findings, {}, sources, state).board_known);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_clock_set_back),
        TEST(test_starts_back_off_and_never_end),
        TEST(test_state_round_trip),
        TEST(test_broken_state_is_empty),
        TEST(test_state_folder),
        TEST(test_folders_that_are_not_ours),
        TEST(test_nothing_wrong_nothing_done),
        TEST(test_warnings_are_no_causes),
        TEST(test_plan),
        TEST(test_units_that_are_left),
        TEST(test_starting_a_unit),
        TEST(test_facts_while_a_unit_restarts),
        TEST(test_facts_of_certificates),
        TEST(test_what_systemd_started_again),
        TEST(test_the_board),
        TEST(test_all_of_a_look),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
