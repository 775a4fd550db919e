// SPDX-License-Identifier: Apache-2.0
//
// Compressed files of one stream for tests, made at the lowest strength.
#pragma once

#include <string>

#include "optimizers/deflate.hpp"
#include "optimizers/options.hpp"
#include "optimizers/stream_encoders.hpp"
#include "optimizers/stream_frame.hpp"
#include "zip_builder.hpp"

namespace optimilter::stream_builder {

using zip_builder::noise;
using zip_builder::prose;

inline const std::string kGzipHeader{"\x1F\x8B\x08\x08\1\2\3\4\2\3a.txt\0", 16};

inline Bytes gzip(const std::string& content, const std::string& header = kGzipHeader) {
    const Bytes data = deflate_raw(as_bytes(content), 1).value();
    Bytes file;
    append(file, as_bytes(header));
    append(file, data);
    Bytes trailer(8);
    write_le32(&trailer[0], crc32(as_bytes(content)));
    write_le32(&trailer[4], static_cast<std::uint32_t>(content.size()));
    append(file, trailer);
    return file;
}

// check: of xz; checksum and size: of zstd.
inline Bytes stream(Format format, const std::string& content, std::uint8_t check = 4, bool told = true) {
    if (format == Format::kGzip) return gzip(content);
    const Options options;
    const Budget budget(Deadline(), options);
    const EncodeOrder order{as_bytes(content), 1, content.size() + 4096, budget};
    if (format == Format::kXz) return encode_xz(order, check).value();
    if (format == Format::kZstd) return encode_zstd(order, told, told).value();
    return encode_bzip2(order).value();
}

}  // namespace optimilter::stream_builder
