// SPDX-License-Identifier: Apache-2.0
//
// What an optimizer may do to one file: the resolved profile of a message. A plain value without pointers: it
// travels in the job record (doc/job-protocol.md). Defaults here are those of the lossless profile; policy/
// fills in the rest.
#pragma once

#include <cstdint>

#include "optimizers/format.hpp"

namespace optimilter {

constexpr std::uint8_t kEffortMax = 4;
constexpr std::uint8_t kEffortDefault = 3;

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
    // A lossy picture is kept only when its measured score (optimizers/picture_score.hpp, 0..10000 =
    // 0.0..1.0) reaches this bound; lowest_score() of optimizers/picture_kind.hpp says which of the two
    // counts.
    std::uint16_t score_min = 9500;
    // The same for pictures of text, screens and drawings, where ringing shows.
    std::uint16_t score_min_text = 9600;
    // Stand-alone pictures (not those inside documents and archives) are scaled down to this side, in pixels;
    // 0: never.
    std::uint32_t max_side_px = 0;
    // Pictures inside documents are scaled down to this many pixels an inch at the largest size they are
    // shown at (lossy only); 0: never. PDF: less far where the page would show it (pdf_drawn.hpp).
    std::uint16_t document_ppi = 0;

    // PNG palette quantisation (lossy only): libimagequant quality floor, 0..100; below it the picture stays.
    bool png_quantize = true;
    std::uint8_t png_quality_min = 80;

    // Lossy profiles drop thumbnails and maker notes; GPS positions go only when asked.
    bool keep_gps = true;

    // One bit a Format: stand-alone pictures of these become PNG files, with another name and type.
    std::uint32_t convert_formats = 0;

    // CPU to spend on finding the smallest form, 0 (least) .. kEffortMax; optimizers/effort.hpp has the
    // table. What comes out is verified and within the bounds at every effort.
    std::uint8_t effort = kEffortDefault;

    // Bounds on one top-level file, everything inside counted in.
    std::uint64_t max_pixels = 100'000'000;  // width x height, summed over all pictures decoded
    std::uint64_t max_expanded_bytes = 512ull
                                       << 20;  // bytes inflated from containers, summed over all depths
    std::uint32_t max_entries = 10'000;        // container members, summed over all depths
    std::uint8_t max_depth = 3;                // containers in containers

    bool converts(Format format) const { return (convert_formats >> static_cast<unsigned>(format)) & 1u; }
    bool enabled(Format format) const { return (enabled_formats >> static_cast<unsigned>(format)) & 1u; }
};

}  // namespace optimilter
