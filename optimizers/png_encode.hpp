// SPDX-License-Identifier: Apache-2.0
//
// The search for the smallest zlib stream of a picture: cheap trials over bands of its rows choose layout and
// filters, then the whole picture is deflated, as hard as its size, the effort and the deadline allow. It
// knows no chunks beyond PLTE and tRNS. Thread safe: pure function.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/effort.hpp"
#include "optimizers/options.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

struct EncodedPicture {
    PngLayout layout;
    Bytes idat;  // zlib stream of non-interlaced scanlines
};

struct EncodeJob {
    const PngPicture& picture;
    std::vector<PngLayout> layouts;  // candidates, not empty; 16-bit pictures: their own layout alone
    // The scanlines as the input file had them, for the trial that keeps its filters, and their layout; an
    // empty view when there is none (interlaced input).
    ByteView own_scanlines;
    PngLayout own_layout;
    Deadline deadline;
    PngEffort effort = png_effort(kEffortDefault);
};

// kDeadline when not even the fastest way fits; kLimit when memory is out.
Result<EncodedPicture> encode_picture(const EncodeJob& job);

}  // namespace optimilter
