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

// The search for a PNG picture's smallest form.
struct PngEffort {
    // Filter strategies tried, the likeliest first; orders of made palettes tried; highest deflate level; how
    // many of the best ways by trial are deflated whole.
    std::uint8_t filters;
    std::uint8_t orders;
    std::uint8_t level;
    std::uint8_t finals;
    // Bytes of the picture that trials look at.
    std::uint32_t trial_bytes;
    // true: deflate levels that weigh all ways (10 and up) only where they win much for their time.
    bool by_yield;
};

struct EffortSettings {
    JpegScanSearch jpeg_scan_search;
    // Lossy JPEG: weigh each coefficient's bits against what it shows.
    bool jpeg_trellis;
    // PNG: palettes made, until one looks well enough.
    std::uint8_t png_palettes;
    // Pictures that come alone, and those inside documents and archives: of the latter there are many to a
    // message, and the reader of a document waits for all of them.
    PngEffort png;
    PngEffort png_inside;
};

constexpr std::array<EffortSettings, kEffortMax + 1> kEfforts = {{
    {JpegScanSearch::kNone, false, 1, {2, 1, 6, 1, 1 << 20, false}, {2, 1, 6, 1, 1 << 16, false}},
    {JpegScanSearch::kSampled, false, 1, {3, 2, 8, 1, 1 << 20, false}, {3, 2, 7, 1, 1 << 16, false}},
    {JpegScanSearch::kSampled, true, 2, {5, 3, 9, 1, 1 << 20, false}, {3, 3, 8, 1, 1 << 17, false}},
    {JpegScanSearch::kSampled, true, 3, {7, 4, 10, 1, 1 << 20, false}, {3, 4, 10, 1, 1 << 17, true}},
    {JpegScanSearch::kWhole, true, 3, {8, 4, 12, 3, 1 << 20, false}, {8, 4, 12, 3, 1 << 20, false}},
}};

// Levels beyond kEffortMax are kEffortMax.
constexpr const EffortSettings& effort_settings(std::uint8_t effort) {
    return kEfforts[effort < kEffortMax ? effort : kEffortMax];
}
constexpr const EffortSettings& effort_settings(const Options& options) {
    return effort_settings(options.effort);
}
constexpr const PngEffort& png_effort(std::uint8_t effort, bool inside = false) {
    return inside ? effort_settings(effort).png_inside : effort_settings(effort).png;
}

}  // namespace optimilter
