// SPDX-License-Identifier: Apache-2.0
//
// What became of a file. Every one but kOptimized means: the original stays, byte for byte. Decoder-free,
// shared with the engine and the job record (the numbers are part of the protocol: append only).
#pragma once

#include <cstdint>
#include <string_view>

namespace optimilter {

enum class Outcome : std::uint8_t {
    kOptimized = 0,      // a smaller, verified result
    kNotSmaller = 1,     // nothing gained, or less than the minimum gain
    kTooDifferent = 2,   // the result failed verification or the quality bound
    kNotApplicable = 3,  // a format or a variant of it that we do not optimise
    kUntouchable = 4,    // signed, encrypted, or otherwise to be left alone on purpose
    kOverBudget = 5,     // deadline, memory, pixels, expanded bytes, entries or depth
    kMalformed = 6,      // broken or ambiguous bytes, any decoder warning
};
constexpr std::uint8_t kOutcomeCount = 7;

// "optimized", "not_smaller", ...: the word in logs and JSON.
std::string_view outcome_name(Outcome outcome);

}  // namespace optimilter
