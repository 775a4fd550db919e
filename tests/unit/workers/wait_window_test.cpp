// SPDX-License-Identifier: Apache-2.0
#include "workers/wait_window.hpp"

#include <vector>

#include "check.hpp"

namespace optimilter {
namespace {

struct Case {
    const char* name;
    std::vector<double> waited_ms;
    std::optional<double> waiting_ms;
    double want;
};

void test_least() {
    const Case cases[] = {
        {"nothing happened", {}, {}, 0}, {"one", {5}, {}, 5},
        {"the least", {9, 3, 7}, {}, 3}, {"one was served at once", {9, 0, 7}, 500, 0},
        {"nobody served", {}, 500, 500}, {"who was served counts, not who waits", {20}, 5, 20},
    };
    for (const Case& c : cases) {
        WaitWindow window;
        for (const double ms : c.waited_ms) window.observe(ms);
        CHECK_EQ(window.close(c.waiting_ms), c.want, c.name);
        CHECK_EQ(window.close({}), 0.0, c.name);  // the next begins empty
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_least)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
