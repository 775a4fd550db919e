// SPDX-License-Identifier: Apache-2.0
//
// What a GIF file may cost in memory and pixels, decided from its blocks before anything is allocated.
#pragma once

#include <algorithm>

#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/gif_blocks.hpp"

namespace optimilter {

// All frames are held at once, at five bytes a pixel, and the worker has 1 GiB of address space for all.
constexpr std::uint64_t kMostGifPixels = 64'000'000;
// Several copies of the screen are alive at once, at four bytes a pixel.
constexpr std::uint64_t kLargestGifScreen = 16'000'000;
// Verifying draws the whole screen once a frame.
constexpr std::uint64_t kMostGifDrawn = 2'000'000'000;

// Pixels of all frames.
inline std::uint64_t gif_pixels(const GifFile& file) {
    std::uint64_t sum = 0;
    for (const GifFrame& frame : file.frames) sum += frame.rect.pixels();
    return sum;
}

// kLimit: more pixels than the budget has left, or than the memory can hold.
inline Status spend_gif_budget(const GifFile& file, Budget& budget) {
    const std::uint64_t screen = std::uint64_t{file.width} * file.height;
    const std::uint64_t pixels = gif_pixels(file);
    if (pixels > kMostGifPixels || screen > kLargestGifScreen || screen * file.frames.size() > kMostGifDrawn)
        return Error{ErrorCode::kLimit, "picture too large for the memory of a worker"};
    if (!budget.spend_pixels(std::max(pixels, screen)))
        return Error{ErrorCode::kLimit, "more pixels than the budget allows"};
    return Success{};
}

}  // namespace optimilter
