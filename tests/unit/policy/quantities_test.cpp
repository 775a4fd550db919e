// SPDX-License-Identifier: Apache-2.0
#include "policy/quantities.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

struct Case {
    std::string_view name, text;
    std::int64_t want;  // -1: refused
};

void test_sizes() {
    constexpr Case kCases[] = {
        {"KiB", "8KiB", 8192},
        {"any case", "8kib", 8192},
        {"blank before the unit", "8 MiB", 8 << 20},
        {"decimal units", "10MB", 10000000},
        {"kB", "3kB", 3000},
        {"bytes", "17B", 17},
        {"GiB", "64GiB", 64ll << 30},
        {"zero", "0B", 0},
        {"largest", "9223372036854775807B", INT64_MAX},
        {"over 2^63", "9223372036854775808B", -1},
        {"product over 2^63", "9223372036854775807GiB", -1},
        {"no unit", "8192", -1},
        {"K is ambiguous", "8K", -1},
        {"M is ambiguous", "8M", -1},
        {"time unit", "5s", -1},
        {"fraction", "1.5MiB", -1},
        {"negative", "-1KiB", -1},
        {"minus zero", "-0KiB", -1},
        {"plus", "+1KiB", -1},
        {"hexadecimal", "0x10B", -1},
        {"two blanks", "8  MiB", -1},
        {"leading blank", " 8MiB", -1},
        {"trailing blank", "8MiB ", -1},
        {"unit only", "MiB", -1},
        {"empty", "", -1},
    };
    for (const Case& c : kCases) {
        const auto size = parse_size(c.text);
        CHECK_EQ(size.has_value() ? *size : -1, c.want, c.name);
    }
}

void test_times() {
    constexpr Case kCases[] = {
        {"ms", "500ms", 500},
        {"s", "5s", 5000},
        {"minutes", "2m", 120000},
        {"hours", "1h", 3600000},
        {"no unit", "500", -1},
        {"days", "1d", -1},
        {"size unit", "5kB", -1},
        {"fraction", "0.5s", -1},
        {"two quantities", "1m30s", -1},
        {"overflow", "9223372036854775807h", -1},
        {"empty", "", -1},
    };
    for (const Case& c : kCases) {
        const auto time = parse_time(c.text);
        CHECK_EQ(time.has_value() ? *time : -1, c.want, c.name);
    }
}

void test_too_large_is_a_limit() {
    CHECK(parse_size("9223372036854775807GiB").error().code == ErrorCode::kLimit);
    CHECK(parse_size("99999999999999999999B").error().code == ErrorCode::kLimit);
    CHECK(parse_size("8K").error().code == ErrorCode::kMalformed);
}

void test_printing() {
    CHECK_EQ(print_size(8192), "8KiB");
    CHECK_EQ(print_size(64ll << 30), "64GiB");
    CHECK_EQ(print_size(1000), "1000");
    CHECK_EQ(print_size(0), "0");
    CHECK_EQ(print_time(5000), "5s");
    CHECK_EQ(print_time(1500), "1500ms");
    CHECK_EQ(print_time(3600000), "1h");
    CHECK_EQ(print_time(0), "0");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_sizes), TEST(test_times), TEST(test_too_large_is_a_limit),
                                TEST(test_printing)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
