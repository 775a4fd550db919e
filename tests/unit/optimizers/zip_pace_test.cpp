// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_pace.hpp"

#include "check.hpp"

using namespace optimilter;

namespace {

constexpr std::uint64_t kMegabyte = 1u << 20;

int level(const ZipPace& pace, std::uint64_t size, bool media) {
    return pace.level_for(size, media).value_or(-1);
}

void level_goes_by_size() {
    const Options options;
    const Budget budget(Deadline(), options);
    const ZipPace pace(budget, 1000, 1, {12, 9});
    CHECK_EQ(level(pace, 0, false), 12);
    CHECK_EQ(level(pace, kMegabyte, false), 12);
    CHECK_EQ(level(pace, kMegabyte + 1, false), 9);
    CHECK_EQ(level(pace, 100 * kMegabyte, false), 9);
    CHECK_EQ(level(pace, 10, true), kMediaLevel);
}

void level_goes_by_effort() {
    const Options options;
    const Budget budget(Deadline(), options);
    constexpr int kSmall[] = {6, 9, 9, 9, 12, 12};
    constexpr int kLarge[] = {6, 6, 9, 9, 12, 12};
    for (std::uint8_t effort = 0; effort <= kEffortMax + 1; ++effort) {
        const ZipPace pace(budget, 1000, 1, zip_levels(effort));
        CHECK_EQ(level(pace, kMegabyte, false), kSmall[effort]);
        CHECK_EQ(level(pace, kMegabyte + 1, false), kLarge[effort]);
        CHECK_EQ(level(pace, 10, true), kMediaLevel);
    }
}

void level_falls_with_the_time_left() {
    const Options options;
    // Hours, so that no slow machine can turn the answers.
    const Budget none(Deadline::in_ms(-1), options);
    CHECK_EQ(level(ZipPace(none, 1000, 1), 10, false), -1);
    CHECK(!ZipPace(none, 1000, 1).allows_inflating(10));
    CHECK(ZipPace(none, 1000, 1).time_is_up());

    const Budget hour(Deadline::in_ms(3'600'000), options);
    const ZipPace pace(hour, 1000, 1);
    CHECK_EQ(level(pace, 1'000 * kMegabyte, false), 9);
    // 32 GB: an hour at level 9, a third at level 6, with the time for verifying set aside.
    CHECK_EQ(level(pace, 32'000 * kMegabyte, false), 6);
    CHECK_EQ(level(pace, 1'000'000 * kMegabyte, false), -1);
    CHECK(pace.allows_inflating(kMegabyte));
    CHECK(!pace.allows_inflating(1'000'000 * kMegabyte));
}

void slow_machines_teach() {
    const Options options;
    const Budget hour(Deadline::in_ms(3'600'000), options);
    ZipPace pace(hour, 1000, 1);
    const std::uint64_t size = 4'000 * kMegabyte;
    CHECK_EQ(level(pace, size, false), 9);
    pace.learn_deflating(10, 12, 1'000'000.0);  // too small to tell
    CHECK_EQ(level(pace, size, false), 9);
    for (int i = 0; i < 10; ++i) pace.learn_deflating(kMegabyte, 12, 1e9);
    CHECK_EQ(level(pace, size, false), -1);
    for (int i = 0; i < 20; ++i) pace.learn_deflating(kMegabyte, 12, 1.0);
    CHECK_EQ(level(pace, size, false), 9);
}

void finish_grows_with_what_is_replaced() {
    const Options options;
    const Budget hour(Deadline::in_ms(3'600'000), options);
    ZipPace pace(hour, 0, 1);
    const auto empty = pace.finish_ms(0);
    CHECK(empty > 0);
    // A quarter of the hour, less what this test took.
    CHECK(pace.reserve_ms(0) > empty + 800'000);
    CHECK(ZipPace(hour, 1'000'000'000, 1).finish_ms(0) > empty + 1000);
    CHECK(ZipPace(hour, 0, 10'000).finish_ms(0) >= empty + 200);
    CHECK(pace.finish_ms(100'000'000) > empty + 1000);
    pace.will_verify(100'000'000);
    CHECK(pace.finish_ms(0) > empty + 1000);
    // A machine that inflates a kilobyte a millisecond has no hour for 100 MB.
    pace.learn_inflating(kMegabyte, 1024.0);
    CHECK(pace.finish_ms(0) > 300'000);
    CHECK(!pace.time_is_up());
    pace.will_verify(1'000'000'000);
    CHECK(pace.time_is_up());
    CHECK(!pace.level_for(10, false).has_value());
    CHECK(!pace.allows_inflating(10));
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(level_goes_by_size),
        TEST(level_goes_by_effort),
        TEST(level_falls_with_the_time_left),
        TEST(slow_machines_teach),
        TEST(finish_grows_with_what_is_replaced),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
