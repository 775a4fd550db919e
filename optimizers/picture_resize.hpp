// SPDX-License-Identifier: Apache-2.0
//
// Pictures in memory scaled down with a proper filter (picture_shrink.hpp). The same samples give the same
// result every time. Thread safe: pure functions.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

// samples: interleaved, channels of 8 bits each, rows without padding. Result: the same of size to.
// kDeadline.
Result<Bytes> resize_samples(ByteView samples, PictureSize from, unsigned channels, PictureSize to,
                             Deadline deadline);

// The same for RGBA; colours count by their alpha, so that what is hidden does not bleed into what is seen.
Result<Bytes> resize_rgba(ByteView rgba, PictureSize from, PictureSize to, Deadline deadline);

}  // namespace optimilter
