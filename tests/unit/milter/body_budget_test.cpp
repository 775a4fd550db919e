// SPDX-License-Identifier: Apache-2.0
#include "milter/body_budget.hpp"

#include <cstdint>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kLimit = 1000;

void test_total_is_bounded() {
    BodyBudget budget;
    CHECK(budget.take("a", 600, kLimit, 100));
    CHECK(!budget.take("b", 401, kLimit, 100));
    CHECK(budget.take("b", 400, kLimit, 100));
    CHECK(!budget.take("c", 1, kLimit, 100));
    CHECK_EQ(budget.held(), kLimit);
}

void test_client_share() {
    BodyBudget budget;
    CHECK(budget.take("a", 250, kLimit, 25));
    CHECK(!budget.take("a", 1, kLimit, 25));
    CHECK(budget.take("b", 250, kLimit, 25));
}

void test_given_back_can_be_taken_again() {
    BodyBudget budget;
    CHECK(budget.take("a", 250, kLimit, 25));
    budget.give_back("a", 250);
    CHECK_EQ(budget.held(), 0u);
    CHECK(budget.take("a", 250, kLimit, 25));
    budget.give_back("nobody", 0);
    CHECK_EQ(budget.held(), 250u);
}

void test_limit_lowered_by_reload() {
    BodyBudget budget;
    CHECK(budget.take("a", 900, kLimit, 100));
    CHECK(!budget.take("b", 1, 500, 100));
}

void test_no_overflow() {
    BodyBudget budget;
    CHECK(budget.take("a", 10, kLimit, 100));
    CHECK(!budget.take("a", SIZE_MAX, kLimit, 100));
    CHECK_EQ(budget.held(), 10u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_total_is_bounded), TEST(test_client_share),
                                TEST(test_given_back_can_be_taken_again), TEST(test_limit_lowered_by_reload),
                                TEST(test_no_overflow)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
