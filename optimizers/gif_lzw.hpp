// SPDX-License-Identifier: Apache-2.0
//
// LZW as GIF has it (GIF89a specification, appendix F): a strict decoder and an encoder that searches. It
// looks one code ahead before it settles on a match, keeps a full dictionary as long as that pays (deferred
// clear codes), tries several places for clear codes side by side, and may choose between two values for a
// pixel. Thread safe: pure functions.
//
// Security: decode_lzw() reads outside bytes; it writes no more than the pixels asked for.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace optimilter {

// Exactly count pixel values, each below 2^min_code_size. kMalformed when the codes hold fewer or more, break
// a rule, or more than two bytes follow their end.
Result<Bytes> decode_lzw(ByteView codes, unsigned min_code_size, std::size_t count);

// How hard the encoder tries.
struct LzwSearch {
    // Lengths of a match that are tried besides the longest; 0: always the longest.
    unsigned lengths = 0;
    // Pixels that a shorter match must win while the dictionary still learns.
    unsigned margin = 1;
    // Dictionaries of different age that are followed side by side: a new one begins every 1/young of a
    // filling, and so many old ones stay. young 0: one alone, begun anew when it gets bad.
    unsigned young = 0;
    unsigned old = 0;
    // Codes a dictionary must have before another may take over; kWhenFull: all.
    unsigned least_codes = kWhenFull;

    static constexpr unsigned kWhenFull = 4096;
};

struct LzwJob {
    ByteView first;   // pixels
    ByteView second;  // as long as first: the other value that each pixel may have instead; or empty
    unsigned min_code_size = 8;
    LzwSearch search = {};
    Deadline deadline = {};
};

// The codes, from the first clear code to the end code. kDeadline.
Result<Bytes> encode_lzw(const LzwJob& job);

}  // namespace optimilter
