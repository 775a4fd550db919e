// SPDX-License-Identifier: Apache-2.0
//
// The chunks of a PNG file (W3C PNG, third edition, sections 5 and 11): a reader that takes only files
// without any doubt, and a writer. It knows no pixels. Thread safe: pure functions.
//
// Security: read_png() reads outside bytes; every length is checked against what is left, every CRC is
// checked, and nothing is allocated but a list of views, at most one for 12 bytes of input.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/png_picture.hpp"

namespace optimilter {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1A\n";

struct PngChunk {
    std::string_view type;  // four letters
    ByteView body;
    ByteView whole;  // with length, type and CRC
};

struct PngHeader {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    PngColor color = PngColor::kGray;
    std::uint8_t bit_depth = 8;
    bool interlaced = false;  // Adam7
};

// Views into the bytes given to read_png().
struct PngFile {
    PngHeader header;
    ByteView header_chunk;         // IHDR, whole
    ByteView palette;              // body of PLTE, empty when there is none
    ByteView transparency;         // body of tRNS
    std::vector<PngChunk> before;  // ancillary chunks before IDAT, without tRNS
    std::vector<PngChunk> after;   // ancillary chunks after IDAT
    std::vector<PngChunk> idat;
    ByteView palette_chunk;       // whole
    ByteView transparency_chunk;  // whole

    // The first ancillary chunk of a type, nullptr when there is none.
    const PngChunk* find(std::string_view type) const;
    std::size_t idat_size() const;
    // The layout of the picture's samples. PLTE of a truecolour file is only a suggestion and not in it.
    PngLayout layout() const;
    bool suggests_palette() const { return !palette.empty() && header.color != PngColor::kIndexed; }
};

// kMalformed: a rule is broken (length, CRC, order, duplicates, IHDR values, sizes of PLTE, tRNS, bKGD, sBIT,
// hIST). kUnsupported: APNG, CgBI, unknown critical chunks, unknown chunks that are unsafe to copy, data
// after IEND. kRefused: signed or provenance-tracked files (dSIG, caBX).
Result<PngFile> read_png(ByteView input);

// Bytes of the scanlines of all passes, filter bytes included. The caller has bounded width x height to 2^48.
std::uint64_t scanline_bytes(const PngHeader& header);

// Appends one chunk with its length and CRC.
void append_chunk(Bytes& to, std::string_view type, ByteView body);
// Appends the signature, IHDR of a non-interlaced picture.
void append_png_start(Bytes& to, std::uint32_t width, std::uint32_t height, const PngLayout& layout);
// Appends PLTE and tRNS as the layout needs them.
void append_layout_chunks(Bytes& to, const PngLayout& layout);
// What append_layout_chunks() would append, in bytes.
std::size_t layout_chunk_bytes(const PngLayout& layout);

}  // namespace optimilter
