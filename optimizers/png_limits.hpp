// SPDX-License-Identifier: Apache-2.0
//
// What a PNG picture may cost in memory and pixels, decided from its header before anything is allocated.
#pragma once

#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/png_chunks.hpp"

namespace optimilter {

// Five copies of the samples may be alive at once, and the worker has 1 GiB of address space for all.
constexpr std::uint64_t kLargestScanlines = std::uint64_t{120} << 20;
// Palettes are made for pictures up to this size; the score needs several more copies.
constexpr std::uint64_t kMostPixelsQuantized = 16'000'000;

// kLimit: the pixels are more than the budget has left, or the samples more than the memory can hold.
inline Status spend_png_budget(const PngHeader& header, Budget& budget) {
    if (!budget.spend_pixels(std::uint64_t{header.width} * header.height))
        return Error{ErrorCode::kLimit, "more pixels than the budget allows"};
    if (scanline_bytes(header) > kLargestScanlines)
        return Error{ErrorCode::kLimit, "picture too large for the memory of a worker"};
    return Success{};
}

}  // namespace optimilter
