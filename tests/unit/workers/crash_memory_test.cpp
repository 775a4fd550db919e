// SPDX-License-Identifier: Apache-2.0
#include "workers/crash_memory.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

Digest digest_of(std::uint8_t fill) {
    Digest digest{};
    digest.fill(fill);
    return digest;
}

void test_forgets_after_its_time() {
    CrashMemory memory(8);
    const SteadyClock::time_point start{};
    memory.remember(digest_of(1), start);
    const auto last = start + CrashMemory::kRemembered - std::chrono::milliseconds(1);
    CHECK(memory.knows(digest_of(1), last));
    // Being asked about does not lengthen the time; the next crash does.
    CHECK(!memory.knows(digest_of(1), start + CrashMemory::kRemembered));
    CHECK(!memory.knows(digest_of(1), start));
    memory.remember(digest_of(1), start);
    memory.remember(digest_of(1), last);
    CHECK(memory.knows(digest_of(1), start + CrashMemory::kRemembered));
}

void test_oldest_goes_first() {
    CrashMemory memory(2);
    const SteadyClock::time_point now{};
    for (const std::uint8_t fill : {std::uint8_t{1}, std::uint8_t{2}}) memory.remember(digest_of(fill), now);
    CHECK(memory.knows(digest_of(1), now));
    memory.remember(digest_of(3), now);
    CHECK(memory.knows(digest_of(1), now) && memory.knows(digest_of(3), now));
    CHECK(!memory.knows(digest_of(2), now));
    CrashMemory none(0);
    none.remember(digest_of(1), now);
    CHECK(!none.knows(digest_of(1), now));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_forgets_after_its_time), TEST(test_oldest_goes_first)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
