// SPDX-License-Identifier: Apache-2.0
//
// Sizes and times as people write them in settings: "8KiB", "10MB", "500ms", "5s". Whole numbers only: a
// fraction would hide a rounding. Knows no TOML. Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace optimilter {

// Bytes. Units, in any case: B; kB, MB, GB = powers of 1000; KiB, MiB, GiB = powers of 1024. "8K" is refused:
// readers differ about it. One blank may stand before the unit. Errors: kMalformed, kLimit (over 2^63 - 1).
Result<std::int64_t> parse_size(std::string_view text);

// Milliseconds. Units: ms, s, m (minutes), h. Errors as above.
Result<std::int64_t> parse_time(std::string_view text);

// The shortest exact form: "8KiB", "1000" (bytes), "5s", "1500ms"; what the functions above read back.
std::string print_size(std::int64_t bytes);
std::string print_time(std::int64_t ms);

}  // namespace optimilter
