// SPDX-License-Identifier: Apache-2.0
//
// Deflate (RFC 1951) and zlib (RFC 1950) streams of known size, in one call each, over libdeflate. It knows
// neither PNG nor ZIP and keeps no state between calls; thread safe.
//
// Calls cannot be interrupted: whoever has a deadline asks deflate_cost_ms() first.
//
// Security: the inflate functions read outside bytes. They allocate exact_size bytes before reading, so the
// caller bounds exact_size by its budget; a stream that yields more or less, or bytes after its end, is
// kMalformed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

// Levels are libdeflate's, 0 (stored) to 12 (smallest); others are taken as the nearest one.
constexpr int kDeflateFastest = 1;
constexpr int kDeflateSmallest = 12;

// Compresses all of input. kLimit: memory for the compressor is out.
Result<Bytes> deflate_raw(ByteView input, int level);
Result<Bytes> deflate_zlib(ByteView input, int level);

// The same, kLimit when the result would be larger than limit_bytes.
Result<Bytes> deflate_raw_within(ByteView input, int level, std::size_t limit_bytes);
Result<Bytes> deflate_zlib_within(ByteView input, int level, std::size_t limit_bytes);

// Inflates a stream that must end exactly at the end of compressed and yield exactly exact_size bytes.
// kMalformed when it does not; zlib streams have their Adler-32 checked too.
Result<Bytes> inflate_raw(ByteView compressed, std::size_t exact_size);
Result<Bytes> inflate_zlib(ByteView compressed, std::size_t exact_size);

// The most bytes that deflating input_size bytes can yield, wrapper of either kind included.
std::size_t deflate_bound(std::size_t input_size);

// A cautious estimate of the wall time of deflating input_size bytes at a level, in milliseconds, on one busy
// core of a small machine.
std::int64_t deflate_cost_ms(std::size_t input_size, int level);

// CRC-32 as in ZIP, gzip and PNG; seed: the value over the bytes before, 0 at the start.
std::uint32_t crc32(ByteView bytes, std::uint32_t seed = 0);

}  // namespace optimilter
