// SPDX-License-Identifier: Apache-2.0
//
// The blocks of a GIF file (GIF89a specification, 1990): a reader that takes only files without any doubt,
// and a writer. It knows no pixels. Thread safe: pure functions.
//
// Security: read_gif() reads outside bytes; every length is checked against what is left, and nothing is
// allocated but lists of views, at most one entry for 2 bytes of input and kMaxGifFrames frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

constexpr std::size_t kMaxGifFrames = 20'000;

// 0xRRGGBB.
using GifColor = std::uint32_t;

// Graphic Control Extension, section 23.
struct GifControl {
    std::uint8_t reserved = 0;  // three bits, kept as they are
    std::uint8_t disposal = 0;  // 0..7
    bool user_input = false;
    bool transparent = false;
    std::uint8_t transparent_index = 0;
    std::uint16_t delay_cs = 0;
    friend bool operator==(const GifControl&, const GifControl&) = default;
};

struct GifRect {
    std::uint16_t left = 0;
    std::uint16_t top = 0;
    std::uint16_t width = 0;
    std::uint16_t height = 0;

    std::size_t pixels() const { return std::size_t{width} * height; }
    friend bool operator==(const GifRect&, const GifRect&) = default;
};

struct GifFrame {
    GifRect rect;
    std::optional<GifControl> control;
    std::vector<GifColor> palette;  // the local one; empty: the global one holds
    bool palette_sorted = false;
    bool interlaced = false;
    std::uint8_t min_code_size = 2;
    ByteView blocks;  // reading: the sub-blocks of the pixels, with their lengths, without the end
    Bytes codes;      // writing: the pixels as a plain run of codes
};

// What stands between the screen and the trailer, in order.
struct GifBlock {
    enum class Kind : std::uint8_t { kVerbatim, kControl, kFrame };
    Kind kind = Kind::kVerbatim;
    std::size_t frame = 0;  // of kControl and kFrame
    ByteView bytes;         // of kVerbatim: a whole extension
};

struct GifFile {
    bool version_89a = true;
    std::uint16_t width = 0;
    std::uint16_t height = 0;
    std::uint8_t color_resolution = 0;  // three bits, kept as they are
    std::uint8_t background = 0;        // index into the global palette
    std::uint8_t aspect = 0;
    bool palette_sorted = false;
    std::vector<GifColor> palette;  // the global one, as long as it is in the file; empty: none
    std::vector<GifFrame> frames;
    std::vector<GifBlock> blocks;

    const std::vector<GifColor>& palette_of(const GifFrame& frame) const {
        return frame.palette.empty() ? palette : frame.palette;
    }
    // Every frame lies within the screen.
    bool frames_inside() const;
};

// kMalformed: a length that leaves the file, a block of an unknown kind, no trailer, no frame, a frame
// without pixels or palette. kUnsupported: a plain text extension, two controls for one frame. kRefused: data
// after the trailer.
Result<GifFile> read_gif(ByteView input);

// The pixels of a frame as one run of codes, out of their sub-blocks.
Bytes join_sub_blocks(ByteView blocks);

// Palettes are padded with black to a power of two.
Bytes write_gif(const GifFile& file);

// Bytes that a palette of so many colours takes in a file, and its bits (0..7 for 2..256 colours).
std::size_t gif_palette_bytes(std::size_t colors);
unsigned gif_palette_bits(std::size_t colors);

}  // namespace optimilter
