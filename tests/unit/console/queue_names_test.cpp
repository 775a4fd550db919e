// SPDX-License-Identifier: Apache-2.0
#include "console/queue_names.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

void test_postfix_names() {
    struct Case {
        std::string_view name;
        bool message, folder;
    };
    for (const Case& row : {Case{"3F2A1C0D9E", true, false},
                            {"4dKQ1b0xbpz1Cz", true, false},  // long
                            {"123456", true, false},
                            {"12345", false, false},
                            {"A", false, true},
                            {"f", false, true},
                            {"0", false, true},
                            {".", false, false},
                            {"..", false, false},
                            {"", false, false},
                            {"-", false, false},
                            {"AB", false, false},
                            {"123456.4567", false, false},  // being made
                            {"ABCDEF ", false, false},
                            {"ABCDEF\n", false, false},
                            {"core-dump", false, false},
                            {"ABCDEF\xC3\xA9", false, false},
                            {std::string_view("ABC\0DEF", 7), false, false}}) {
        CHECK_EQ(is_postfix_queue_id(row.name), row.message, row.name);
        CHECK_EQ(is_postfix_hash_folder(row.name), row.folder, row.name);
    }
    CHECK(is_postfix_queue_id(std::string(64, 'A')));
    CHECK(!is_postfix_queue_id(std::string(65, 'A')));
}

void test_sendmail_ids() {
    constexpr std::int64_t kNow = 1'796'000'000;  // 2026-11-30 00:53:20 UTC
    struct Case {
        std::string_view name, id;
        std::int64_t want;  // 0: no ID
    };
    for (const Case& row : {Case{"now", "6AU0rK01012345", 1'796'000'000},
                            {"a second before", "6AU0rJ01012345", 1'795'999'999},
                            {"New Year", "6010000001234567", 1'767'225'600},
                            {"before 8.12", "6AU0rK012345", 1'796'000'000},
                            {"within a day from now", "6B10rK01012345", 1'796'086'400},
                            {"this year, but later: 60 years ago", "6BU0rK01012345", -94'864'000},
                            {"year 2025", "5AU0rK01012345", 1'764'464'000},
                            {"year 2027 is 1967", "7AU0rK01012345", -65'920'000},
                            {"month 13", "6CU0rK01012345", 0},
                            {"day 0", "6A00rK01012345", 0},
                            {"day 32", "6AW0rK01012345", 0},
                            {"hour 24", "6AUOrK01012345", 0},
                            {"minute 60", "6AU0yK01012345", 0},
                            {"too short", "6AU0rK01012", 0},
                            {"empty", "", 0},
                            {"no ID", "6AU0rK.0101234", 0}}) {
        CHECK_EQ(sendmail_arrival(row.id, kNow).value_or(0), row.want, row.name);
    }
    CHECK(!sendmail_arrival("6AU0rK" + std::string(100, '1'), kNow));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_postfix_names), TEST(test_sendmail_ids)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
