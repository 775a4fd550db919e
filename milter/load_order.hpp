// SPDX-License-Identifier: Apache-2.0
//
// The operator's word on the load level, as it comes over the control socket. Thread safe: a pure function.
//
// Security: whoever may open the control socket may send any bytes; nothing of them goes into an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace optimilter {

struct LevelOrder {
    std::optional<std::uint8_t> level;  // unset: the signals decide again
    std::int64_t for_ms = 0;
};

constexpr std::int64_t kUsualPinMs = 3600 * 1000ll;
constexpr std::int64_t kLongestPinMs = 7 * 24 * 3600 * 1000ll;

// "auto", "N" (for an hour) or "N TIME" with a time as in the settings file, a second to seven days.
// kMalformed or kLimit, with a text that quotes nothing.
Result<LevelOrder> parse_level_order(std::string_view order);

}  // namespace optimilter
