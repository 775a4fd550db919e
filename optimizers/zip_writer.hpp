// SPDX-License-Identifier: Apache-2.0
//
// Writes an archive anew with some entries' data replaced. Entries that are not replaced are copied byte for
// byte, with their extra fields, descriptors and comments; replaced ones keep name, extra fields, times and
// attributes. Thread safe: pure function; input was read by read_zip().
#pragma once

#include <cstdint>
#include <map>

#include "base/bytes.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// The new data of one entry.
struct ZipReplacement {
    std::uint16_t method = kZipDeflated;
    std::uint32_t crc = 0;
    std::uint32_t size = 0;  // uncompressed, bytes
    Bytes data;              // as compressed
};

// Key: place among the entries.
using ZipReplacements = std::map<std::size_t, ZipReplacement>;

// The whole new archive; it is smaller when every replacement is smaller than the data it replaces.
Bytes write_zip(ByteView input, const ZipArchive& archive, const ZipReplacements& replacements);

}  // namespace optimilter
