// SPDX-License-Identifier: Apache-2.0
#include "milter/alert_board.hpp"

#include <atomic>
#include <thread>

#include "check.hpp"

namespace optimilter {
namespace {

struct Fixture {
    Fixture() : board([this] { ++changes; }, [this] { return now.load(); }) {}
    std::atomic<std::int64_t> now{1000};
    std::atomic<int> changes{0};
    AlertBoard board;
};

void test_names() {
    for (std::size_t i = 0; i < static_cast<std::size_t>(AlertKind::kCount_); ++i)
        CHECK(!alert_kind_name(static_cast<AlertKind>(i)).empty());
    CHECK_EQ(alert_kind_name(AlertKind::kBypass), "bypass");
    CHECK_EQ(alert_kind_name(AlertKind::kValidUntil), "valid_until");
}

void test_raise_and_clear() {
    Fixture f;
    CHECK(f.board.list().empty() && !f.board.raised(AlertKind::kBypass));
    f.board.clear(AlertKind::kBypass, "it never was");
    CHECK_EQ(f.changes, 0);
    f.board.raise(AlertKind::kBypass, "pressure 1.4");
    CHECK_EQ(f.changes, 1);
    CHECK(f.board.raised(AlertKind::kBypass) && !f.board.raised(AlertKind::kWorkers));
    f.now = 1010;
    f.board.raise(AlertKind::kBypass, "pressure 2.0");
    CHECK_EQ(f.changes, 1);  // figures alone start no program
    Alert alert = f.board.list().at(0);
    CHECK(alert.since == 1000 && alert.cleared == 0 && alert.count == 1);
    CHECK_EQ(alert.text, "pressure 2.0");
    f.now = 1020;
    f.board.clear(AlertKind::kBypass, "level 4");
    f.board.clear(AlertKind::kBypass, "again");
    CHECK_EQ(f.changes, 2);
    alert = f.board.list().at(0);
    CHECK(alert.since == 1000 && alert.cleared == 1020 && alert.count == 1);
    CHECK_EQ(alert.text + "|" + alert.over, "pressure 2.0|level 4");
}

// Whoever looks later sees by the count how often it came and went.
void test_what_comes_and_goes_is_counted() {
    Fixture f;
    for (int i = 0; i < 3; ++i) {
        f.now = 2000 + i;
        f.board.raise(AlertKind::kWorkers, "crashes");
        f.board.clear(AlertKind::kWorkers, "none any more");
    }
    f.board.note(AlertKind::kRestarts, "the engine ended");
    const std::vector<Alert> alerts = f.board.list();
    CHECK_EQ(alerts.size(), 2u);
    CHECK(alerts[0].count == 3 && alerts[0].since == 2002 && alerts[0].cleared == 2002);
    CHECK(alerts[1].kind == AlertKind::kRestarts && alerts[1].count == 1 && alerts[1].cleared != 0);
    CHECK_EQ(f.changes, 7);
}

// Texts may quote anybody and be of any length.
void test_texts_are_cleaned_and_cut() {
    Fixture f;
    f.board.raise(AlertKind::kBypass, "a\r\nb\x1b[2J" + std::string(100'000, 'x'));
    const std::string text = f.board.list().at(0).text;
    CHECK(text.size() <= AlertBoard::kLongestText + 3);
    CHECK(text.starts_with("a??b?[2J"));
    for (int i = 0; i < 100'000; ++i) f.board.note(AlertKind::kBypass, "again");
    CHECK_EQ(f.board.list().size(), 1u);
}

// Many threads, and one that reads: no kind loses a count, and on_change may look at the board.
void test_many_threads() {
    constexpr int kThreads = 4, kTimes = 500;
    std::atomic<std::uint64_t> seen{0};
    AlertBoard* looked_at = nullptr;
    AlertBoard board([&] { seen += looked_at->list().size(); });
    looked_at = &board;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
        threads.emplace_back([&board, t] {
            const auto kind = static_cast<AlertKind>(t);
            for (int i = 0; i < kTimes; ++i) {
                board.raise(kind, "up");
                board.raise(AlertKind::kBypass, "all of them");
                board.clear(kind, "down");
            }
        });
    for (std::thread& thread : threads) thread.join();
    const std::vector<Alert> alerts = board.list();
    CHECK_EQ(alerts.size(), 4u);
    for (const Alert& alert : alerts)
        if (alert.kind != AlertKind::kBypass) CHECK_EQ(alert.count, static_cast<std::uint64_t>(kTimes));
    CHECK(seen > 0);
}

void test_without_anybody_to_tell() {
    AlertBoard board;
    board.raise(AlertKind::kBypass, "x");
    CHECK(board.list().at(0).since > 1'600'000'000);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_names),
        TEST(test_raise_and_clear),
        TEST(test_what_comes_and_goes_is_counted),
        TEST(test_texts_are_cleaned_and_cut),
        TEST(test_many_threads),
        TEST(test_without_anybody_to_tell),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
