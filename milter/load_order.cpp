// SPDX-License-Identifier: Apache-2.0
#include "milter/load_order.hpp"

#include "policy/load_controller.hpp"
#include "policy/quantities.hpp"

namespace optimilter {

namespace {

constexpr std::int64_t kShortestPinMs = 1000;

}  // namespace

Result<LevelOrder> parse_level_order(std::string_view order) {
    if (order == "auto") return LevelOrder{};
    if (order.empty() || order[0] < '0' || order[0] > '0' + kLoadBypass)
        return Error{ErrorCode::kMalformed, "a level is 0 to 5, or auto"};
    LevelOrder parsed{static_cast<std::uint8_t>(order[0] - '0'), kUsualPinMs};
    if (order.size() == 1) return parsed;
    if (order[1] != ' ') return Error{ErrorCode::kMalformed, "a level is 0 to 5, or auto"};
    const Result<std::int64_t> time = parse_time(order.substr(2));
    if (!time) return Error{ErrorCode::kMalformed, "a time is a number and ms, s, m or h"};
    if (*time < kShortestPinMs || *time > kLongestPinMs)
        return Error{ErrorCode::kLimit, "a level can be ordered for 1s to 168h"};
    parsed.for_ms = *time;
    return parsed;
}

}  // namespace optimilter
