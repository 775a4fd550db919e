// SPDX-License-Identifier: Apache-2.0
#include "workers/queue_forecast.hpp"

#include <algorithm>

namespace optimilter {

namespace {

constexpr std::uint32_t kRemembered = 16;  // messages, roughly

}  // namespace

void QueueForecast::observe(double served_ms) {
    seen_ = std::min(seen_ + 1, kRemembered);
    service_ms_ += (served_ms - service_ms_) / seen_;
}

double QueueForecast::expected_wait_ms(std::uint32_t ahead, std::uint32_t free_places) const {
    if (ahead < free_places) return 0;
    // All places together come free once in service / workers; this message takes the next after those ahead.
    return (ahead - free_places + 1) * service_ms_ / workers_;
}

std::int64_t QueueForecast::patience_ms(std::int64_t remaining_ms) const {
    const auto half_ms = static_cast<double>(remaining_ms) / 2;
    return remaining_ms - static_cast<std::int64_t>(std::min(service_ms_, half_ms));
}

bool QueueForecast::in_time(std::int64_t remaining_ms, std::uint32_t ahead, std::uint32_t free_places) const {
    return remaining_ms > 0 &&
           expected_wait_ms(ahead, free_places) <= static_cast<double>(patience_ms(remaining_ms));
}

}  // namespace optimilter
