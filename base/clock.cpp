// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <time.h>

#include <algorithm>

namespace optimilter {

namespace {

double cpu_ms(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

}  // namespace

std::int64_t Deadline::remaining_ms() const {
    constexpr std::int64_t kDayMs = 24 * 3600 * 1000;
    const auto now = SteadyClock::now();
    if (at_ <= now) return 0;
    // Compared before subtracting: time_point::max() minus now would overflow only with a negative now.
    if (at_ - now > std::chrono::milliseconds(kDayMs)) return kDayMs;
    return std::chrono::duration_cast<std::chrono::milliseconds>(at_ - now).count();
}

double thread_cpu_ms() {
    return cpu_ms(CLOCK_THREAD_CPUTIME_ID);
}
double process_cpu_ms() {
    return cpu_ms(CLOCK_PROCESS_CPUTIME_ID);
}

}  // namespace optimilter
