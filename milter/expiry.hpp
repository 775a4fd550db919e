// SPDX-License-Identifier: Apache-2.0
//
// Things that are valid until a date: policies, certificates. When that is near, and in words. Knows no
// clock: the time of now is passed in, in seconds since 1970. Thread safe: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace optimilter {

struct Expiry {
    std::string what;     // "policy photos.toml"; any text
    std::int64_t at = 0;  // the first second in which it is no longer valid
};

enum class ExpiryState { kFar, kNear, kPast };

constexpr std::int64_t kNearSeconds = 14 * 86400;

ExpiryState expiry_state(std::int64_t at, std::int64_t now);

// "policy photos.toml is valid until 2026-12-14 10:00 UTC, 13 days from now", or "... was valid until ...".
std::string describe_expiry(const Expiry& expiry, std::int64_t now);

// All that are near or past, the worst first, at most a few and how many more; empty: none.
std::string describe_expiries(std::vector<Expiry> expiries, std::int64_t now);

}  // namespace optimilter
