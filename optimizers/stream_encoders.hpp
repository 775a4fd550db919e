// SPDX-License-Identifier: Apache-2.0
//
// The four encoders behind compress_stream(), and what they cost. For stream_codec.cpp alone. They run in the
// calling thread and look at the deadline between pieces; libdeflate's one call is foretold. Not thread safe.
#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/format.hpp"

namespace optimilter {

// Highest level that the effort allows and that is foretold to take no more than half of the time left;
// nothing when there is none.
std::optional<int> stream_level(Format format, std::uint8_t effort, std::uint64_t content_size,
                                const Deadline& deadline);
std::int64_t fastest_ms(Format format, std::uint64_t content_size);

struct EncodeOrder {
    ByteView content;
    int level;
    std::size_t limit_bytes;  // a longer result is kLimit
    const Budget& budget;
};

Result<Bytes> encode_gzip(const EncodeOrder& order, ByteView header);
Result<Bytes> encode_bzip2(const EncodeOrder& order);
// check: a number of xz format 1.0.4, section 2.1.1.2.
Result<Bytes> encode_xz(const EncodeOrder& order, std::uint8_t check);
Result<Bytes> encode_zstd(const EncodeOrder& order, bool checksum, bool content_size);

}  // namespace optimilter
