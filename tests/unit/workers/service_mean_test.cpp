// SPDX-License-Identifier: Apache-2.0
#include "workers/service_mean.hpp"

#include <cmath>

#include "check.hpp"

namespace optimilter {
namespace {

void test_mean() {
    struct Case {
        const char* name;
        double busy_ms;
        std::uint32_t ended, at_work;
        double want;
    };
    constexpr Case kCases[] = {
        {"nothing", 0, 0, 0, 0},
        {"four ended", 2000, 4, 2, 500},
        {"none ended: as long as they have been at it", 2000, 0, 2, 1000},
        {"one quick one among many", 16'000, 1, 16, 1000},
        {"the only one", 300, 1, 0, 300},
    };
    for (const Case& c : kCases)
        CHECK_EQ(ServiceMean().observe(c.busy_ms, c.ended, c.at_work), c.want, c.name);
}

void test_forgets() {
    ServiceMean mean;
    for (int i = 0; i < 50; ++i) mean.observe(2000, 1, 2);
    CHECK(std::abs(mean.observe(2000, 1, 2) - 2000) < 1);
    for (int i = 0; i < 20; ++i) mean.observe(2000, 20, 2);
    CHECK(mean.observe(2000, 20, 2) < 120);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_mean), TEST(test_forgets)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
