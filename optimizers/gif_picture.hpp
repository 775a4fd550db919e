// SPDX-License-Identifier: Apache-2.0
//
// What a GIF file shows, frame by frame, apart from how it is written: colours instead of palette indexes,
// and which pixels of a frame leave the screen as it was. Rendering is that of GIF89a section 23. Where
// nothing was drawn, or a frame was cleared away, the screen is kNothing and stays so to the end: whether a
// viewer shows that as the background colour or lets the page shine through is its own affair, and nothing
// here depends on it. Single-threaded.
//
// Security: reads outside bytes; the caller has bounded screen and frames.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/gif_blocks.hpp"

namespace optimilter {

// Besides colours: a pixel that lets through what is below it / a place where nothing is.
constexpr GifColor kThrough = 0xFF000000u;
constexpr GifColor kNothing = 0xFE000000u;

struct ShownFrame {
    GifRect rect;                  // may be smaller than in the file: what lies outside changes nothing
    std::vector<GifColor> colors;  // rows of rect, kThrough where the screen must stay
    Bytes free;  // as long: 1 where kThrough and the colour look the same; or empty: nowhere

    bool is_free(std::size_t i) const { return !free.empty() && free[i] != 0; }
};

struct ShownGif {
    std::vector<ShownFrame> frames;
    // Every place of the screen has a colour at every moment.
    bool covered = false;
};

// The pixels of one frame as palette indexes, rows from top to bottom. kMalformed, also for an index beyond
// the palette.
Result<Bytes> decode_frame(const GifFile& file, const GifFrame& frame);

// All frames must lie within the screen. Frames that may take less than their place in the file do so only
// when all disposals are known ones; then free pixels are marked too. kDeadline, kMalformed.
Result<ShownGif> show_gif(const GifFile& file, Deadline deadline);

}  // namespace optimilter
