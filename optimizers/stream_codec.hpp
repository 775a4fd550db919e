// SPDX-License-Identifier: Apache-2.0
//
// Content of a compressed file, and a compressed file of content: libdeflate for gzip, liblzma for xz,
// libzstd for zstd, libarchive for bzip2 and as the independent reader of all four. Knows nothing of what is
// compressed. Not thread safe: one job, one call at a time.
//
// Security: decodes outside bytes. What comes out is paid from the budget piece by piece and bounded by a
// ratio; dictionaries are bounded by the worker's memory alone. Every loop looks at the deadline.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/stream_frame.hpp"

namespace optimilter {

// Whole content, paid from the budget. kMalformed: broken; kUnsupported: several gzip members, or bytes left
// over; kLimit: expands too far; kDeadline.
Result<Bytes> expand_stream(ByteView file, const StreamFrame& frame, Budget& budget);

// By libarchive alone, for verification: at most limit_bytes; nothing is paid.
Result<Bytes> expand_independently(ByteView file, Format format, std::uint64_t limit_bytes,
                                   const Budget& budget);

// content as a file of frame's format with all that its header tells: gzip's header byte for byte, xz's kind
// of check, zstd's checksum and content size. kLimit: larger than limit_bytes; kDeadline: no level fits or
// the time ran out.
Result<Bytes> compress_stream(ByteView content, ByteView file, const StreamFrame& frame, std::uint8_t effort,
                              std::size_t limit_bytes, const Budget& budget);

// true when compressing the same content anew may win: bzip2 and xz tell when they were made at full
// strength.
bool may_gain(const StreamFrame& frame, std::size_t content_size);

// Wall time of the fastest way to compress and of verifying, cautiously, in milliseconds.
std::int64_t least_compress_ms(Format format, std::uint64_t content_size);
std::int64_t expand_ms(Format format, std::uint64_t content_size);

}  // namespace optimilter
