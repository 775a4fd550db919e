// SPDX-License-Identifier: Apache-2.0
//
// What a WebP file may cost: pixels and chunks, decided before anything is allocated, and time, foretold from
// pixels, because libwebp decodes without a stop and asks for the deadline only now and then while it codes.
// Thread safe: pure functions.
#pragma once

#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/webp_chunks.hpp"

namespace optimilter {

// libwebp takes up to forty bytes a pixel for coding without loss, and the worker has 1 GiB for all.
constexpr std::uint64_t kLargestWebpPixels = 12'000'000;
constexpr std::size_t kMostWebpChunks = 5000;

inline std::uint64_t webp_pixels(const WebpPicture& picture) {
    return std::uint64_t{picture.width} * picture.height;
}

// Milliseconds for decoding a picture once; half the speed measured.
inline std::int64_t webp_decode_ms(std::uint64_t pixels) {
    return static_cast<std::int64_t>(pixels / 20'000) + 1;
}
// And for verifying its replacement: both decoded and compared.
inline std::int64_t webp_verify_ms(std::uint64_t pixels) {
    return 3 * webp_decode_ms(pixels);
}
// And for measuring how alike two pictures look, over black and over white.
inline std::int64_t webp_score_ms(std::uint64_t pixels) {
    return static_cast<std::int64_t>(pixels / 10'000) + 1;
}

}  // namespace optimilter
