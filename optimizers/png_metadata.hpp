// SPDX-License-Identifier: Apache-2.0
//
// The ancillary chunks of a PNG file on their way into its smaller copy: which stay, which change their form
// because they depend on the layout of the samples (bKGD, sBIT), and which layouts they forbid. Pure
// functions; thread safe.
//
// Lossless: every chunk stays byte for byte, but for iDOT, which holds offsets into Apple's own IDAT and
// would be wrong in any other. Lossy profiles keep colour, size, orientation, copyright and XMP up to 64 KiB;
// other texts, times, suggested palettes and previews go.
//
// Security: reads outside bytes, through the views of a checked PngFile; EXIF goes through exif.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizers/options.hpp"
#include "optimizers/png_chunks.hpp"

namespace optimilter {

struct PngMetadata {
    struct Chunk {
        std::string type;
        Bytes body;
        friend bool operator==(const Chunk&, const Chunk&) = default;
    };
    std::vector<Chunk> before;  // before IDAT
    std::vector<Chunk> after;   // after IDAT
};

// What the output must carry, still in the form of the input's layout; without tRNS.
PngMetadata kept_metadata(const PngFile& file, const Options& options);

// true when the chunks let the samples take this layout: bKGD and sBIT can say the same in it, no colour
// profile would meet a picture of the wrong kind, and no hIST or suggested palette hangs on the old one.
bool metadata_allows(const PngFile& file, const PngLayout& layout);

// The background colour (bKGD) as 16-bit samples; nothing when there is none or it is out of range.
std::optional<PngColorKey> background_color(const PngFile& file);

// The body of a chunk (bKGD, sBIT) in another layout; nothing when it cannot be said there.
std::optional<Bytes> background_for(const PngFile& file, const PngLayout& layout);
std::optional<Bytes> significant_bits_for(const PngFile& file, const PngLayout& layout);

// The whole file. layout must be allowed; idat: the zlib stream of the non-interlaced scanlines.
Bytes write_png(const PngFile& source, const PngMetadata& metadata, const PngLayout& layout, ByteView idat);

}  // namespace optimilter
