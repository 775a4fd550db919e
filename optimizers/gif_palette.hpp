// SPDX-License-Identifier: Apache-2.0
//
// The palettes of a smaller GIF: without colours nobody uses and without doubles, and one palette for all
// frames where that holds all their colours. Then each frame's pixels in indexes of its palette. It knows no
// files. Pure functions; thread safe.
#pragma once

#include <optional>
#include <vector>

#include "optimizers/gif_picture.hpp"

namespace optimilter {

// One frame ready for encode_lzw().
struct IndexedFrame {
    Bytes first;
    Bytes second;  // the other value a pixel may have; empty when none has any
    unsigned min_code_size = 2;
    std::optional<std::uint8_t> transparent_index;
};

struct IndexedGif {
    std::vector<GifColor> palette;                // the global one
    std::vector<std::vector<GifColor>> palettes;  // per frame; empty: the global one
    std::vector<IndexedFrame> frames;
    std::uint8_t background = 0;
    // The order of the colours is no longer that of the file.
    bool reordered = false;
};

// Whether frame i may have transparent pixels: it has them already, or there is never anything below the
// picture to shine through, and no viewer has a reason to treat the frame another way (some clear a frame
// differently when it has a transparent colour).
bool may_be_transparent(const GifFile& file, const ShownGif& shown, std::size_t i);

// Every frame keeps the palette it has, global or local.
IndexedGif index_gif(const GifFile& file, const ShownGif& shown);
// All frames share one palette. Nothing when their colours do not fit into one, or no frame has its own.
std::optional<IndexedGif> index_gif_with_one_palette(const GifFile& file, const ShownGif& shown);

}  // namespace optimilter
