// SPDX-License-Identifier: Apache-2.0
//
// Ages on a clock that the test moves: files are new, and the test says how late it is.
#include "console/queue_ages.hpp"

#include <vector>

#include "check.hpp"
#include "planted_queue.hpp"

namespace optimilter {
namespace {

struct Fixture {
    explicit Fixture(bool ready_only = false) : ages(ready_only) {}

    // Lists these names, which need not be all that is there.
    void list(const QueueClock& now, const std::vector<std::string>& names, bool whole = true) {
        const UniqueFd folder(::open(queue.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        ages.begin(now);
        for (const std::string& name : names) ages.see(name.c_str(), folder.get());
        ages.end(whole);
    }
    // So long after the start of the test.
    QueueClock after(std::int64_t ms) const { return {start.wall_ms + ms, start.monotonic_ms + ms}; }

    PlantedQueue queue;
    QueueAges ages;
    QueueClock start = QueueClock::now();
};

// The files of a test are made within this time.
constexpr std::int64_t kSoon = 10'000;
bool about(std::int64_t got, std::int64_t want) {
    return got > want - kSoon && got < want + kSoon;
}

void test_empty() {
    Fixture f;
    CHECK_EQ(f.ages.oldest_ms(), 0);
    f.list(f.after(0), {});
    CHECK_EQ(f.ages.oldest_ms(), 0);
    CHECK_EQ(f.ages.messages(), 0u);
}

void test_age_grows_and_ends_with_the_message() {
    Fixture f;
    f.queue.file("AAAAAA1");
    f.list(f.after(0), {"AAAAAA1"});
    CHECK(about(f.ages.oldest_ms(), 0));
    f.list(f.after(60'000), {"AAAAAA1"});
    CHECK(about(f.ages.oldest_ms(), 60'000));
    f.queue.file("BBBBBB1");
    f.list(f.after(61'000), {"BBBBBB1", "AAAAAA1"});
    CHECK(about(f.ages.oldest_ms(), 61'000));
    f.list(f.after(61'000), {"BBBBBB1"});
    CHECK_EQ(f.ages.messages(), 1u);
    CHECK_EQ(f.ages.oldest_ms(), 1000);  // it came in after the listing before that which saw it first
}

// Postfix says by mtime when it will try again, and sets it anew for recipients that are done.
void test_mtime_is_no_age() {
    Fixture f;
    f.queue.file("AAAAAA1");
    f.queue.file("BBBBBB1");
    f.queue.modified_at("AAAAAA1", f.start.wall_ms / 1000 + 4000);
    f.queue.modified_at("BBBBBB1", f.start.wall_ms / 1000 - 400'000);
    f.list(f.after(30'000), {"AAAAAA1", "BBBBBB1"});
    CHECK(about(f.ages.oldest_ms(), 30'000));
}

// A file whose ctime is later than now is new, not older than everything.
void test_clock_is_behind() {
    Fixture f;
    f.queue.file("AAAAAA1");
    f.list({f.start.wall_ms - 86'400'000, f.start.monotonic_ms}, {"AAAAAA1"});
    CHECK_EQ(f.ages.oldest_ms(), 0);
}

void test_clock_jumps_change_no_age() {
    for (const std::int64_t jump_ms : {86'400'000ll, -86'400'000ll}) {
        Fixture f;
        f.queue.file("AAAAAA1");
        f.list(f.after(0), {"AAAAAA1"});
        f.list(f.after(1000), {"AAAAAA1"});
        f.queue.file("BBBBBB1");  // comes in as the clock jumps
        const QueueClock jumped{f.start.wall_ms + 2000 + jump_ms, f.start.monotonic_ms + 2000};
        f.list(jumped, {"AAAAAA1", "BBBBBB1"});
        CHECK(about(f.ages.oldest_ms(), 2000));
        f.list({jumped.wall_ms + 1000, jumped.monotonic_ms + 1000}, {"BBBBBB1"});
        CHECK(f.ages.oldest_ms() <= 2000);
    }
}

// Where a rename does not set ctime: what was not there a moment ago has not been there for longer.
void test_old_file_moved_in() {
    Fixture f;
    f.queue.file("AAAAAA1");
    f.list(f.after(100'000), {});
    f.list(f.after(101'000), {"AAAAAA1"});
    CHECK_EQ(f.ages.oldest_ms(), 1000);
    // After a listing that left something out that cannot be known.
    Fixture g;
    g.queue.file("AAAAAA1");
    g.list(g.after(100'000), {}, false);
    g.list(g.after(101'000), {"AAAAAA1"});
    CHECK(about(g.ages.oldest_ms(), 101'000));
}

void test_files_that_are_being_written() {
    Fixture f(true);
    f.queue.file("AAAAAA1", 0600);
    f.queue.file("BBBBBB1", 0700);
    f.list(f.after(0), {"AAAAAA1", "BBBBBB1"});
    CHECK_EQ(f.ages.messages(), 1u);
    f.list(f.after(90'000), {"AAAAAA1"});
    CHECK_EQ(f.ages.messages(), 0u);
    CHECK_EQ(f.ages.oldest_ms(), 0);
    CHECK_EQ(::chmod(f.queue.path("AAAAAA1").c_str(), 0700), 0);
    f.list(f.after(91'000), {"AAAAAA1"});
    CHECK_EQ(f.ages.messages(), 1u);
    CHECK_EQ(f.ages.oldest_ms(), 1000);  // since it is ready, not since its client began
    Fixture every(false);
    every.queue.file("AAAAAA1", 0600);
    every.list(every.after(0), {"AAAAAA1"});
    CHECK_EQ(every.ages.messages(), 1u);
}

void test_what_has_left() {
    Fixture f;
    f.list(f.after(0), {"AAAAAA1"});
    CHECK_EQ(f.ages.messages(), 0u);
    CHECK_EQ(f.ages.oldest_ms(), 0);
}

// Many names of one file: each bit of the number is a slash more or less.
std::string other_name(std::size_t number, const std::string& name) {
    std::string path;
    for (int bit = 0; bit < 17; ++bit) path += (number >> bit & 1) != 0 ? ".//" : "./";
    return path + name;
}

// More new names than are looked at in one listing: all are counted, and all are known some listings later.
void test_looks_are_bounded() {
    Fixture f;
    std::vector<std::string> names;
    f.queue.file("AAAAAA1");
    for (std::size_t i = 0; i < 2 * QueueAges::kMostLooks + 10; ++i)
        names.push_back(other_name(i, "AAAAAA1"));
    f.queue.file("ZZZZZZ1");
    const std::int64_t minute = 60'000;
    f.list(f.after(minute), names);
    CHECK_EQ(f.ages.messages(), names.size());
    f.list(f.after(minute + 1000), names);
    f.list(f.after(minute + 2000), names);
    CHECK_EQ(f.ages.messages(), names.size());
    f.list(f.after(minute + 3000), {names.back()});  // looked at last, and not thought to be new
    CHECK(about(f.ages.oldest_ms(), minute + 3000));
    f.list(f.after(minute + 4000), {"ZZZZZZ1"});
    CHECK_EQ(f.ages.oldest_ms(), 1000);
}

// The memory is bounded; what does not fit is counted all the same.
void test_more_than_can_be_remembered() {
    Fixture f;
    f.queue.file("AAAAAA1");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < QueueAges::kMostRemembered + 5000; ++i)
        names.push_back(other_name(i, "AAAAAA1"));
    const auto rounds = static_cast<int>(names.size() / QueueAges::kMostLooks) + 2;
    for (int round = 0; round < rounds; ++round) {
        f.list(f.after(60'000 + round), names);
        CHECK_EQ(f.ages.messages(), names.size());
        CHECK(about(f.ages.oldest_ms(), 60'000));
    }
    f.list(f.after(90'000), {"AAAAAA1"});
    CHECK_EQ(f.ages.messages(), 1u);
    CHECK(about(f.ages.oldest_ms(), 90'000));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_empty),
                                TEST(test_age_grows_and_ends_with_the_message),
                                TEST(test_mtime_is_no_age),
                                TEST(test_clock_is_behind),
                                TEST(test_clock_jumps_change_no_age),
                                TEST(test_old_file_moved_in),
                                TEST(test_files_that_are_being_written),
                                TEST(test_what_has_left),
                                TEST(test_looks_are_bounded),
                                TEST(test_more_than_can_be_remembered)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
