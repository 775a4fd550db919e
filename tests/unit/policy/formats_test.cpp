// SPDX-License-Identifier: Apache-2.0
//
// The setting formats names exactly the formats with a row in optimizers/registry.cpp. The engine cannot ask
// that table, which links decoders; this test can.
#include "check.hpp"
#include "optimizers/optimize.hpp"
#include "policy/decide.hpp"

namespace optimilter {
namespace {

void test_formats_are_those_of_the_registry() {
    const Settings settings;
    for (unsigned i = 0; i < static_cast<unsigned>(Format::kCount_); ++i) {
        const auto format = static_cast<Format>(i);
        CHECK_EQ(FormatSet::all().has(format), find_optimizer(format) != nullptr, format_name(format));
        CHECK_EQ(part_excluded(settings, format, 100000).empty(), find_optimizer(format) != nullptr,
                 format_name(format));
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_formats_are_those_of_the_registry)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
