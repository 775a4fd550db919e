// SPDX-License-Identifier: Apache-2.0
//
// Which scans the AC coefficients of a component go in. All choices are of the conventional kind (spectral
// selection into at most two bands, then successive approximation of both together), because exotic scripts
// trip old readers; which of them is the smallest depends on the picture and is found by counting, not by
// writing. Knows no codes. Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "optimizers/jpeg_coefficients.hpp"

namespace optimilter {

// How one component's AC coefficients are sent.
struct JpegScript {
    unsigned low_bit = 0;  // of the first scans; each lower bit is a scan of its own
    unsigned split = 0;    // last coefficient of the first band; 0: one band
    friend bool operator==(const JpegScript&, const JpegScript&) = default;
};

// One scan of it. high_bit 0: a first scan.
struct JpegAcScan {
    JpegBand band;
    unsigned high_bit = 0;
    unsigned low_bit = 0;
};

// In the order they must have.
std::vector<JpegAcScan> jpeg_ac_scans(const JpegScript& script);

// What serves most pictures: luma in three refined steps, chroma, which is mostly zeros, at once.
JpegScript usual_jpeg_script(bool luma);

enum class JpegScanSearch {
    kNone,     // the usual one
    kSampled,  // measured on some rows of blocks
    kWhole,    // measured on all
};

// The same for the same coefficients, always. A passed deadline gives the usual one.
JpegScript best_jpeg_script(const JpegPlane& plane, bool luma, JpegScanSearch search, Deadline deadline);

}  // namespace optimilter
