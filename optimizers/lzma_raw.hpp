// SPDX-License-Identifier: Apache-2.0
//
// Streams of LZMA without a frame, as they stand in 7z archives, over liblzma. Knows nothing of headers. Not
// thread safe as a job: one at a time.
//
// Security: decode_lzma() reads outside bytes; the caller bounds exact_size.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"

namespace optimilter {

// LZMA1 with its five bytes of properties (lc, lp, pb; dictionary size). kMalformed unless it yields exactly
// exact_size bytes.
Result<Bytes> decode_lzma(ByteView packed, ByteView properties, std::size_t exact_size);

struct RawLzma {
    Bytes packed;
    Bytes properties;  // one byte for LZMA2, five for LZMA1
};

// LZMA2 of all contents one after the other. kLimit above limit_bytes; kDeadline.
Result<RawLzma> encode_lzma2(const std::vector<ByteView>& contents, int preset, std::size_t limit_bytes,
                             const Budget& budget);
// LZMA1, for headers.
Result<RawLzma> encode_lzma1(ByteView content);

}  // namespace optimilter
