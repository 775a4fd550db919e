// SPDX-License-Identifier: Apache-2.0
//
// Writes a 7z archive anew around the same files: one solid LZMA2 block of all contents, and the property
// that describes the files byte for byte. Not thread safe as a job: one at a time.
#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/seven_zip_reader.hpp"

namespace optimilter {

// contents: of the members with content, in order. kLimit above limit_bytes; kDeadline.
Result<Bytes> write_seven_zip(const SevenZipArchive& archive, const std::vector<ByteView>& contents,
                              int preset, std::size_t limit_bytes, const Budget& budget);

}  // namespace optimilter
