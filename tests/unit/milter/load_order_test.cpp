// SPDX-License-Identifier: Apache-2.0
#include "milter/load_order.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

void test_orders() {
    struct Case {
        std::string_view order;
        int want_level;  // -1: auto
        std::int64_t want_ms;
    };
    constexpr Case kCases[] = {
        {"auto", -1, 0},        {"0", 0, 3'600'000}, {"5", 5, 3'600'000},
        {"3 2h", 3, 7'200'000}, {"3 1s", 3, 1000},   {"1 168h", 1, 7 * 24 * 3'600'000ll},
    };
    for (const Case& c : kCases) {
        const Result<LevelOrder> order = parse_level_order(c.order);
        CHECK(order.has_value(), c.order);
        CHECK_EQ(order->level ? int{*order->level} : -1, c.want_level, c.order);
        CHECK_EQ(order->for_ms, c.want_ms, c.order);
    }
}

void test_nonsense() {
    constexpr std::string_view kNonsense[] = {"",        " ",
                                              "6",       "-1",
                                              "55",      "5h",
                                              "3  2h",   "3 ",
                                              "3 2",     "3 2d",
                                              "3 -2h",   "3 0ms",
                                              "3 169h",  "3 999ms",
                                              "auto ",   "AUTO",
                                              "auto 1h", "3\t2h",
                                              "\"",      "3 2h 1h",
                                              "\xff",    "3 99999999999999999999h"};
    for (const std::string_view order : kNonsense) {
        const Result<LevelOrder> parsed = parse_level_order(order);
        CHECK(!parsed.has_value(), order);
        // It goes into JSON as it is.
        CHECK(parsed.error().text.find_first_of("\"\\\n") == std::string::npos, order);
    }
    CHECK(!parse_level_order(std::string_view("3\0", 2)).has_value());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_orders), TEST(test_nonsense)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
