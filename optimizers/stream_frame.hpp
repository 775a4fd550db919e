// SPDX-License-Identifier: Apache-2.0
//
// Where every byte of a compressed file belongs: gzip (RFC 1952), bzip2, xz (format 1.0.4) and zstd (RFC
// 8878). It accepts only files that are one member, stream or frame from the first byte to the last: several
// of them, padding, or bytes after the end may matter to somebody (pigz -i, pixz, Alpine packages, zstd's
// seekable form). It refuses to know what is compressed. Thread safe: pure functions; ranges point into the
// view that was read.
//
// Security: reads outside bytes; every field is bounded by the view.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"

namespace optimilter {

struct StreamFrame {
    Format format = Format::kUnknown;
    ByteRange header;  // gzip: all before the deflated data; others: the fixed header
    ByteRange data;    // gzip: the deflated data
    // Of the content, in bytes, as the frame tells it; gzip: modulo 2^32. None: not told.
    std::optional<std::uint64_t> content_size;
    std::uint32_t content_crc = 0;  // gzip
    std::uint8_t check = 0;         // xz: kind of the integrity check; zstd: 1 when a checksum is there
    // bzip2: block size in 100 kB; xz: dictionary size code of LZMA2, 255 when there are other filters.
    std::uint8_t strength = 0;
};

// kMalformed: broken; kUnsupported: well-formed, but not one plain stream.
Result<StreamFrame> read_stream_frame(ByteView file, Format format);

// The name of the file inside, which gzip may tell; a hint for sniffing. Empty when there is none.
std::string_view name_inside(ByteView file, const StreamFrame& frame);

}  // namespace optimilter
