// SPDX-License-Identifier: Apache-2.0
//
// From coefficients to a whole JPEG file, without loss: our own entropy coder, because libjpeg walks over all
// coefficients twice for each scan. What it writes is ordinary Huffman coding; libjpeg reads it back in
// verify. Thread safe: pure functions.
//
// Refuses (kMalformed) coefficients that files of eight bits a sample cannot hold.
#pragma once

#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/jpeg_coefficients.hpp"
#include "optimizers/jpeg_file_writer.hpp"
#include "optimizers/jpeg_scans.hpp"

namespace optimilter {

// Progressive, with the best tables for each scan. limit_bytes: kRefused when the file would be larger.
Result<Bytes> code_jpeg_progressive(const JpegCoefficients& picture,
                                    const std::vector<JpegSegmentBytes>& segments, JpegScanSearch search,
                                    std::size_t limit_bytes, Deadline deadline);

enum class JpegTables { kStandard, kBest };

// One interleaved scan, or one a component where an MCU would be too large.
Result<Bytes> code_jpeg_sequential(const JpegCoefficients& picture,
                                   const std::vector<JpegSegmentBytes>& segments, JpegTables tables,
                                   std::size_t limit_bytes, Deadline deadline);

}  // namespace optimilter
