// SPDX-License-Identifier: Apache-2.0
//
// libwebp for one picture: decodes coded chunks, and codes samples without and with loss. It knows no files.
// Thread safe: no state between calls.
//
// Security: decodes outside bytes; the caller has bounded width x height by the chunks (webp_chunks.hpp)
// before it asks. Coding stops at the deadline through libwebp's progress hook; decoding cannot be stopped.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/webp_chunks.hpp"

namespace optimilter {

// RGBA samples, 8 bits, width x height x 4, alpha not multiplied in. kMalformed: libwebp finds anything
// wrong.
Result<Bytes> decode_webp(const WebpPicture& picture);

// The highest effort up to the wanted one at which coding so many pixels without loss is foretold to take no
// longer than left_ms; nothing when even the cheapest that gains something would not do.
std::optional<std::uint8_t> webp_lossless_effort(std::uint64_t pixels, std::uint8_t wanted,
                                                 std::int64_t left_ms);

// Codes RGBA samples without loss, colour under transparent pixels included, as a VP8L chunk. effort: see
// options.hpp. kDeadline: stopped. kLimit: memory.
Result<Bytes> encode_webp_lossless(ByteView rgba, std::uint32_t width, std::uint32_t height,
                                   std::uint8_t effort, Deadline deadline);

// Codes RGBA samples with loss, alpha without, as a VP8 chunk with an ALPH chunk before it where anything is
// transparent. quality: libwebp's, 0..100.
Result<Bytes> encode_webp_lossy(ByteView rgba, std::uint32_t width, std::uint32_t height, int quality,
                                std::uint8_t effort, Deadline deadline);

}  // namespace optimilter
