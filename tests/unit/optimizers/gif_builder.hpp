// SPDX-License-Identifier: Apache-2.0
//
// Builds GIF files for tests from palettes, places and pixels; its encoder writes every pixel as a code of
// its own, so that there is always something to gain.
#pragma once

#include <functional>
#include <vector>

#include "optimizers/gif_blocks.hpp"
#include "optimizers/gif_lzw_run.hpp"

namespace optimilter::gif_builder {

// A code for every pixel, and a clear code before the codes would get longer.
inline Bytes poor_codes(const Bytes& pixels, unsigned min_code_size) {
    const unsigned clear = 1u << min_code_size;
    LzwBits bits;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        if (i % (clear - 2) == 0) bits.put(clear, min_code_size + 1);
        bits.put(pixels[i], min_code_size + 1);
    }
    bits.put(clear + 1, min_code_size + 1);
    return bits.finish();
}

using Pixel = std::function<unsigned(unsigned x, unsigned y)>;

struct Frame {
    GifRect rect;
    Pixel pixel;
    std::optional<GifControl> control = std::nullopt;
    std::vector<GifColor> palette = {};
    bool interlaced = false;
};

inline GifControl control(unsigned delay, unsigned disposal, int key = -1) {
    GifControl made;
    made.delay_cs = static_cast<std::uint16_t>(delay);
    made.disposal = static_cast<std::uint8_t>(disposal);
    made.transparent = key >= 0;
    made.transparent_index = static_cast<std::uint8_t>(key < 0 ? 0 : key);
    return made;
}

inline std::vector<GifColor> palette(unsigned count, unsigned seed = 0) {
    std::vector<GifColor> colors;
    for (unsigned i = 0; i < count; ++i) colors.push_back((i * 0x010305u + seed * 0x3311u) & 0xFFFFFFu);
    return colors;
}

inline ByteView loop_extension() {
    return {reinterpret_cast<const std::uint8_t*>("\x21\xFF\x0BNETSCAPE2.0\x03\x01\x07\x00\x00"), 19};
}
inline ByteView comment_extension() {
    return {reinterpret_cast<const std::uint8_t*>("\x21\xFE\x05hello\x00"), 9};
}

inline std::vector<unsigned> row_order(unsigned height, bool interlaced) {
    std::vector<unsigned> rows;
    if (!interlaced) {
        for (unsigned y = 0; y < height; ++y) rows.push_back(y);
        return rows;
    }
    constexpr unsigned kPasses[4][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    for (const auto& pass : kPasses)
        for (unsigned y = pass[0]; y < height; y += pass[1]) rows.push_back(y);
    return rows;
}

// A screen of 64 x 48.
inline GifFile file(const std::vector<Frame>& frames, std::vector<GifColor> global) {
    GifFile made;
    made.width = 64;
    made.height = 48;
    made.palette = std::move(global);
    if (frames.size() > 1) made.blocks.push_back({GifBlock::Kind::kVerbatim, 0, loop_extension()});
    made.blocks.push_back({GifBlock::Kind::kVerbatim, 0, comment_extension()});
    for (const Frame& frame : frames) {
        GifFrame to;
        to.rect = frame.rect;
        to.control = frame.control;
        to.palette = frame.palette;
        to.interlaced = frame.interlaced;
        const std::size_t colors = made.palette_of(to).size();
        to.min_code_size = static_cast<std::uint8_t>(std::max(2u, gif_palette_bits(colors) + 1));
        Bytes pixels;
        for (const unsigned y : row_order(frame.rect.height, frame.interlaced))
            for (unsigned x = 0; x < frame.rect.width; ++x)
                pixels.push_back(static_cast<std::uint8_t>(frame.pixel(x, y)));
        to.codes = poor_codes(pixels, to.min_code_size);
        if (frame.control) made.blocks.push_back({GifBlock::Kind::kControl, made.frames.size(), {}});
        made.blocks.push_back({GifBlock::Kind::kFrame, made.frames.size(), {}});
        made.frames.push_back(std::move(to));
    }
    return made;
}

inline Bytes write(const std::vector<Frame>& frames, std::vector<GifColor> global) {
    return write_gif(file(frames, std::move(global)));
}

constexpr GifRect kWhole{0, 0, 64, 48};

// A drawing of few colours, and one that moves by shift.
inline Pixel drawing(unsigned colors, unsigned shift = 0) {
    return [=](unsigned x, unsigned y) { return ((x + shift) / 7 + y / 5) % colors; };
}
// Hard to compress.
inline Pixel noise(unsigned colors) {
    return [=](unsigned x, unsigned y) { return ((x * 7919u + y * 104729u) * 2654435761u >> 20) % colors; };
}

}  // namespace optimilter::gif_builder
