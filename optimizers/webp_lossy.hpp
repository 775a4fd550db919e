// SPDX-License-Identifier: Apache-2.0
//
// The search for the lowest libwebp quality, within the options, whose measured score still reaches the
// bound. Whether a picture is re-encoded at all is told by its quantizer alone, so that a second pass over
// our own output finds nothing to do. Thread safe: pure functions.
#pragma once

#include "base/clock.hpp"
#include "optimizers/options.hpp"
#include "optimizers/webp_chunks.hpp"

namespace optimilter {

struct WebpReencoded {
    Bytes coded;  // chunks
    double score = 0;
};

// true when loss is allowed and the picture is clearly finer than anything we would write.
bool webp_wants_reencoding(const WebpPicture& picture, const Options& options);

// rgba: the picture decoded. kUnsupported: no quality reaches the bound with a quantizer that a second pass
// would leave alone.
Result<WebpReencoded> reencode_webp(const WebpPicture& picture, ByteView rgba, const Options& options,
                                    Deadline deadline);

}  // namespace optimilter
