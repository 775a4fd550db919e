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
};

constexpr std::array<EffortSettings, kEffortMax + 1> kEfforts = {{
    {JpegScanSearch::kNone, false},
    {JpegScanSearch::kSampled, false},
    {JpegScanSearch::kSampled, true},
    {JpegScanSearch::kSampled, true},
    {JpegScanSearch::kWhole, true},
}};

// Levels beyond kEffortMax are kEffortMax.
constexpr const EffortSettings& effort_settings(const Options& options) {
    return kEfforts[options.effort < kEffortMax ? options.effort : kEffortMax];
}

}  // namespace optimilter
