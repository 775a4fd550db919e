// SPDX-License-Identifier: Apache-2.0
//
// BMP, TGA, PCX, SGI, PNM and Sun raster files on their way to PNG: what their headers say, and two readers
// that share nothing: ImageMagick's, whose pixels are written, and a small one of our own, whose pixels they
// are compared with. Only variants whose every sample is exact in 8 bits and means one thing to all readers;
// no variant with anything besides the picture that PNG could not carry. Not thread safe (ImageMagick).
//
// Security: reads outside bytes. The header is checked against the size of the file before anything is
// allocated; ImageMagick gets a forced format, and limits on memory, size and threads.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"

namespace optimilter {

struct RasterHeader {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t x_per_meter = 0;  // pixels; 0: not said
    std::uint32_t y_per_meter = 0;
    ByteView icc;                 // a colour profile, empty when there is none
    ByteView pixels;              // the coded rows, up to the end of the file or of what belongs to it
    ByteView palette;             // 3 or 4 bytes an entry, or planes; empty: samples are colours
    std::uint8_t bits = 8;        // of one pixel of one plane: 1, 4, 8, 24 or 32
    std::uint8_t planes = 1;      // stored apart: PCX, SGI
    std::uint8_t entry_size = 3;  // of the palette; 0: three planes of it
    bool bottom_up = false;
    bool blue_first = false;
    bool run_lengths = false;
    std::size_t stride = 0;  // bytes of a row as stored, where rows are not coded

    std::uint64_t area() const { return std::uint64_t{width} * height; }
};

// Pictures larger than this are left alone: ImageMagick takes 8 bytes a pixel.
constexpr std::uint64_t kMostRasterPixels = 16'000'000;

// kMalformed; kUnsupported for the variants that stay as they are, with the reason.
Result<RasterHeader> read_raster_header(Format format, ByteView file);

// Our own reader: RGBA, 8 bits each, rows from top to bottom. kMalformed; kUnsupported when a fourth sample
// means different things to different readers.
Result<Bytes> read_raster(Format format, ByteView file, const RasterHeader& header);

// ImageMagick's. kMalformed, also for any warning.
Result<Bytes> read_raster_with_magick(Format format, ByteView file, const RasterHeader& header);

// Loads what ImageMagick loads on first use, and sets its limits. Once, before the sandbox closes.
void initialize_magick();

}  // namespace optimilter
