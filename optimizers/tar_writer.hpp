// SPDX-License-Identifier: Apache-2.0
//
// Writes a tar archive anew with some members' contents replaced: every other byte is copied, of a replaced
// member's header only size and checksum change. Thread safe: pure function; input was read by read_tar().
#pragma once

#include <map>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/tar_reader.hpp"

namespace optimilter {

// Key: place among the entries, of plain files only.
using TarReplacements = std::map<std::size_t, Bytes>;

// The whole new archive. Its end is filled up with zeros to whole records of 10240 bytes where the original
// was. kUnsupported when a header has no room for its new numbers.
Result<Bytes> write_tar(ByteView input, const TarArchive& archive, const TarReplacements& replacements);

}  // namespace optimilter
