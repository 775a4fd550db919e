// SPDX-License-Identifier: Apache-2.0
//
// What an optimizer may do to one file: the resolved profile of a message. A plain value without pointers: it
// travels in the job record (doc/job-protocol.md). Defaults here are those of the lossless profile; policy/
// fills in the rest.
#pragma once

#include <cstdint>

#include "optimizers/format.hpp"

namespace optimilter {

struct Options {
    // Lossless: pixels and member contents stay identical. Lossy: pictures may change within the bounds
    // below.
    bool lossy = false;

    // One bit a Format: may files of this format be changed? Inside containers too.
    std::uint32_t enabled_formats = 0xFFFFFFFFu;

    // JPEG. Progressive output is smaller; baseline is what a few old readers need.
    bool jpeg_progressive = true;
    // libjpeg quality (1..100) that lossy results never exceed; a source at or below it is never re-encoded,
    // which also makes a second pass over our own output change nothing.
    std::uint8_t jpeg_quality_max = 82;
    std::uint8_t jpeg_quality_min = 60;
    // A lossy picture is kept only when its measured score (SSIM against what it replaces, luma and chroma,
    // 0..10000 = 0.0..1.0) reaches this bound.
    std::uint16_t score_min = 9800;
    // Stand-alone pictures (not those inside documents and archives) are scaled down to this side, in pixels;
    // 0: never.
    std::uint32_t max_side_px = 0;

    // PNG palette quantisation (lossy only): libimagequant quality floor, 0..100; below it the picture stays.
    bool png_quantize = true;
    std::uint8_t png_quality_min = 80;

    // Lossy profiles drop thumbnails and maker notes; GPS positions go only when asked.
    bool keep_gps = true;

    // Bounds on one top-level file, everything inside counted in.
    std::uint64_t max_pixels = 100'000'000;  // width x height, summed over all pictures decoded
    std::uint64_t max_expanded_bytes = 512ull
                                       << 20;  // bytes inflated from containers, summed over all depths
    std::uint32_t max_entries = 10'000;        // container members, summed over all depths
    std::uint8_t max_depth = 3;                // containers in containers

    bool enabled(Format format) const { return (enabled_formats >> static_cast<unsigned>(format)) & 1u; }
};

}  // namespace optimilter
