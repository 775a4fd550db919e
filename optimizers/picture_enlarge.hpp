// SPDX-License-Identifier: Apache-2.0
//
// Pictures in memory drawn larger than they are, as viewers do it who smooth (Splash below 400 %, cairo):
// from one sample to the next the colour changes evenly. For scores alone: no result holds such pixels. The
// same samples give the same result every time. Thread safe: pure functions.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

// samples: interleaved, channels of 8 bits each, rows without padding. to: on no side smaller than from.
// Result: the same of size to. kDeadline.
Result<Bytes> enlarge_samples(ByteView samples, PictureSize from, unsigned channels, PictureSize to,
                              Deadline deadline);

}  // namespace optimilter
