// SPDX-License-Identifier: Apache-2.0
//
// Effort by level: what Options::effort means for each format, in one table, so that the load controller can
// turn one knob. More effort never means another promise: whatever comes out is verified and within the
// bounds. Knows no load. Thread safe: constants.
#pragma once

#include <array>
#include <cstdint>

#include "optimizers/jpeg_scans.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

struct EffortSettings {
    JpegScanSearch jpeg_scan_search;
    // Lossy JPEG: weigh each coefficient's bits against what it shows.
    bool jpeg_trellis;
    // PNG: palettes made, until one looks well enough; filter strategies tried, the likeliest first; orders
    // of made palettes tried; highest deflate level; how many of the best ways by trial are deflated whole.
    std::uint8_t png_palettes;
    std::uint8_t png_filters;
    std::uint8_t png_orders;
    std::uint8_t png_level;
    std::uint8_t png_finals;
};

constexpr std::array<EffortSettings, kEffortMax + 1> kEfforts = {{
    {JpegScanSearch::kNone, false, 1, 2, 1, 6, 1},
    {JpegScanSearch::kSampled, false, 1, 3, 2, 8, 1},
    {JpegScanSearch::kSampled, true, 2, 5, 3, 9, 1},
    {JpegScanSearch::kSampled, true, 3, 7, 4, 10, 1},
    {JpegScanSearch::kWhole, true, 3, 8, 4, 12, 3},
}};

// Levels beyond kEffortMax are kEffortMax.
constexpr const EffortSettings& effort_settings(std::uint8_t effort) {
    return kEfforts[effort < kEffortMax ? effort : kEffortMax];
}
constexpr const EffortSettings& effort_settings(const Options& options) {
    return effort_settings(options.effort);
}

}  // namespace optimilter
