// SPDX-License-Identifier: Apache-2.0
//
// A number that changes when the program or a library it has loaded is replaced by another build, so that
// results remembered from before are not taken for results of now. Knows no optimizer. Not thread safe: the
// zygote calls it once, with all libraries loaded.
#pragma once

#include <cstdint>

namespace optimilter {

// From name, size, inode and time of change of each file; never 0.
std::uint32_t loaded_files_fingerprint();

}  // namespace optimilter
