// SPDX-License-Identifier: Apache-2.0
#include "milter/engine_watch.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000, kDay = 86400;

struct Fixture {
    Fixture() : board([this] { ++changes; }), watch(board) { figures.wall_s = kNow; }
    // Looks every five seconds for so long, with so many crashes at the first look.
    void pass(std::int64_t seconds, std::uint64_t crashes = 0) {
        figures.workers_died += crashes;
        figures.workers_started += crashes + 1;
        for (std::int64_t i = 0; i < seconds; i += 5) {
            watch.look(figures);
            figures.steady_s += 5;
            figures.wall_s += 5;
        }
    }
    Alert alert(AlertKind kind) const {
        for (const Alert& each : board.list())
            if (each.kind == kind) return each;
        return {};
    }
    int changes = 0;
    AlertBoard board;
    EngineWatch watch;
    EngineFigures figures;
};

void test_nothing_wrong() {
    Fixture f;
    f.pass(3600);
    CHECK(f.board.list().empty() && f.changes == 0);
}

void test_crash_loop() {
    Fixture f;
    f.pass(60, 0);
    for (int i = 0; i < 9; ++i) f.pass(30, 1);
    CHECK(!f.board.raised(AlertKind::kWorkers));
    f.pass(30, 1);
    CHECK(f.board.raised(AlertKind::kWorkers));
    CHECK_EQ(f.alert(AlertKind::kWorkers).text,
             "10 of 20 workers crashed within 10 minutes; the files they worked on pass unchanged");
    f.pass(540);
    CHECK(f.board.raised(AlertKind::kWorkers));  // still within the window
    f.pass(120);
    CHECK(!f.board.raised(AlertKind::kWorkers));
    CHECK_EQ(f.alert(AlertKind::kWorkers).over, "no worker crashed within the last 10 minutes");
    CHECK_EQ(f.changes, 2);
}

// A crash now and then never becomes a loop, however many they are in all.
void test_rare_crashes() {
    Fixture f;
    for (int i = 0; i < 200; ++i) f.pass(90, 1);
    CHECK(f.board.list().empty());
}

// While the loop lasts, the window slides with it, and one crash keeps it up.
void test_loop_goes_on() {
    Fixture f;
    f.pass(10);
    f.pass(10, 50);
    for (int i = 0; i < 20; ++i) {
        f.pass(300, 1);
        CHECK(f.board.raised(AlertKind::kWorkers), std::to_string(i));
    }
    CHECK_EQ(f.changes, 1);
    CHECK_EQ(f.alert(AlertKind::kWorkers).count, 1u);
}

void test_workers_that_cannot_be_started() {
    Fixture f;
    f.pass(10);
    f.figures.down_reason = "no memory";
    f.pass(15);
    f.figures.down_reason.clear();
    f.pass(10);
    CHECK(f.board.list().empty());  // it was back in time
    f.figures.down_reason = "no memory";
    f.pass(20);
    CHECK_EQ(f.alert(AlertKind::kWorkers).text,
             "workers cannot be started: no memory; attachments pass unchanged");
    f.figures.down_reason.clear();
    f.pass(5);
    CHECK(!f.board.raised(AlertKind::kWorkers));
}

void test_expiries() {
    Fixture f;
    f.figures.expiries = {{"policy a.toml", kNow + 15 * kDay}};
    f.pass(5);
    CHECK(f.board.list().empty());
    f.figures.wall_s = kNow + kDay + 60;
    f.pass(5);
    CHECK_EQ(f.alert(AlertKind::kValidUntil).text,
             "policy a.toml is valid until 2023-11-29 22:13 UTC, 13 days from now");
    f.figures.wall_s = kNow + 18 * kDay;
    f.pass(5);
    CHECK_EQ(f.alert(AlertKind::kValidUntil).text,
             "policy a.toml was valid until 2023-11-29 22:13 UTC, 3 days ago: mail passes untouched where it "
             "was to be used");
    CHECK_EQ(f.changes, 1);
    f.figures.expiries = {{"policy a.toml", kNow + 400 * kDay}};
    f.pass(5);
    CHECK(!f.board.raised(AlertKind::kValidUntil));
}

void test_words_of_expiries() {
    CHECK(expiry_state(kNow, kNow) == ExpiryState::kPast);
    CHECK(expiry_state(kNow + 1, kNow) == ExpiryState::kNear);
    CHECK(expiry_state(kNow + kNearSeconds, kNow) == ExpiryState::kNear);
    CHECK(expiry_state(kNow + kNearSeconds + 1, kNow) == ExpiryState::kFar);
    CHECK(describe_expiry({"x", kNow + 100}, kNow).ends_with(", less than an hour from now"));
    CHECK(describe_expiry({"x", kNow - 7200}, kNow).ends_with(", 2 hours ago"));
    CHECK(describe_expiry({"a\nb", INT64_MAX}, kNow).starts_with("a?b is valid until an unknown time, "));
    CHECK_EQ(describe_expiry({"x", 19'999 * kDay}, 20'000 * kDay),
             "x was valid until the end of 2024-10-02 (UTC), 24 hours ago");
    const std::vector<Expiry> many(6, {"p", kNow - 1});
    CHECK(describe_expiries(many, kNow).ends_with("; and 3 more"));
    CHECK(describe_expiries({{"b", kNow + 9}, {"a", kNow + 5}, {"far", kNow + 99 * kDay}}, kNow)
              .starts_with("a is valid"));
    CHECK_EQ(describe_expiries({}, kNow), "");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_nothing_wrong),
        TEST(test_crash_loop),
        TEST(test_rare_crashes),
        TEST(test_loop_goes_on),
        TEST(test_workers_that_cannot_be_started),
        TEST(test_expiries),
        TEST(test_words_of_expiries),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
