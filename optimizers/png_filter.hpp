// SPDX-License-Identifier: Apache-2.0
//
// The row filters of PNG (W3C PNG section 9) and the ways to choose one for each row. Pure functions over
// rows; thread safe. The loops are written so that compilers turn them into vector
// code; which of it runs is decided once, by what the machine can do.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

// One filter for all rows, or a measure that picks the filter of each row: the smallest sum of absolute
// differences, the smallest entropy of bytes, the fewest distinct pairs of neighbouring bytes.
enum class FilterStrategy : std::uint8_t {
    kNone,
    kSub,
    kUp,
    kAverage,
    kPaeth,
    kMinSum,
    kEntropy,
    kBigrams,
};

// The fastest code this machine runs, or the one that all run: both give the same bytes.
enum class FilterCode : std::uint8_t { kBest, kPortable };

// The scanlines of a picture, ready for deflating: each row after its filter byte. kDeadline.
Result<Bytes> filter_picture(const PngPicture& picture, FilterStrategy strategy, Deadline deadline,
                             FilterCode code = FilterCode::kBest);

}  // namespace optimilter
