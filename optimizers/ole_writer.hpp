// SPDX-License-Identifier: Apache-2.0
//
// Writes a compound file anew ([MS-CFB] 3.0), compactly: same version, sector size, directory entries, ids
// and tree as the one read; only sizes and places of streams differ. Knows no formats. Thread safe.
#pragma once

#include "optimizers/ole_reader.hpp"

namespace optimilter {

// The file with the contents of replacements in place of its own. No sectors are free in it.
Bytes write_ole(const OleFile& file, const OleReplacements& replacements);

}  // namespace optimilter
