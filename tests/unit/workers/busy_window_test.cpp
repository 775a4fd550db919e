// SPDX-License-Identifier: Apache-2.0
#include "workers/busy_window.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

constexpr SteadyClock::time_point at(int ms) {
    return SteadyClock::time_point(std::chrono::milliseconds(ms));
}

void test_share() {
    BusyWindow window(4, at(1000));
    CHECK_EQ(window.close(at(1000)).share, 0.0);  // no time has passed
    CHECK_EQ(window.close(at(2000)).share, 0.0);
    window.change(2, at(2000));
    window.change(4, at(2500));
    const BusyWindow::Use use = window.close(at(3000));
    CHECK_EQ(use.share, 0.75);
    CHECK_EQ(use.ms, 3000.0);
    CHECK_EQ(window.close(at(4000)).share, 1.0);  // those that were taken before count on
    window.change(1, at(4000));
    CHECK_EQ(window.close(at(5000)).share, 0.25);
    window.change(0, at(5000));
    CHECK_EQ(window.close(at(6000)).share, 0.0);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_share)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
