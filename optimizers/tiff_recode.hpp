// SPDX-License-Identifier: Apache-2.0
//
// One page's samples in the smallest form we write: Deflate with the better predictor, or CCITT G4 for
// bilevel pages. It knows samples, not directories. Thread safe: pure functions.
#pragma once

#include "base/clock.hpp"
#include "optimizers/tiff_codec.hpp"
#include "optimizers/tiff_writer.hpp"

namespace optimilter {

// The libdeflate level for a page: by the effort and, so that a second pass finds nothing to do, by its size
// alone.
int tiff_deflate_level(std::uint8_t effort, std::uint64_t sample_bytes);

// samples: of all blocks in order, numbers in the order of this machine. kDeadline: the time would not do.
// kUnsupported: no form but the one it has.
Result<TiffRecoding> recode_tiff_page(const TiffForm& form, const TiffPage& page, ByteView samples,
                                      std::uint8_t effort, Deadline deadline);

}  // namespace optimilter
