// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "optimizers/format.hpp"
#include "optimizers/sniff_raster.hpp"
#include "optimizers/zip_sniff.hpp"

namespace optimilter {

namespace {

using namespace std::string_view_literals;

// Formats that a fixed run of bytes at a fixed place tells.
struct Magic {
    std::size_t at;
    std::string_view bytes;
    Format format;
};
constexpr Magic kMagics[] = {
    {0, "\xFF\xD8\xFF"sv, Format::kJpeg},
    {0, "\x89PNG\r\n\x1A\n"sv, Format::kPng},
    {0, "PK\3\4"sv, Format::kZip},
    {0, "PK\5\6"sv, Format::kZip},
    {0, "GIF87a"sv, Format::kGif},
    {0, "GIF89a"sv, Format::kGif},
    {8, "WEBP"sv, Format::kWebp},
    {4, "ftyp"sv, Format::kHeif},
    {0, "II*\0"sv, Format::kTiff},
    {0, "MM\0*"sv, Format::kTiff},
    {0, "II+\0\x8\0\0\0"sv, Format::kTiff},
    {0, "MM\0+\0\x8\0\0"sv, Format::kTiff},
    {0, "BM"sv, Format::kBmp},
    {0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, Format::kOle},
    {0, "\x1F\x8B\x8"sv, Format::kGzip},
    {0, "BZh"sv, Format::kBzip2},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     Format::kXz},
    {0, "\x28\xB5\x2F\xFD"sv, Format::kZstd},
    {0, "7z\xBC\xAF\x27\x1C"sv, Format::kSevenZip},
    {0, "Rar!\x1A\x7"sv, Format::kRar},
    {257, "ustar"sv, Format::kTar},
};

bool holds(ByteView input, std::size_t at, std::string_view bytes) {
    return at <= input.size() && starts_with(input.subspan(at), bytes);
}

// PNG third edition, 4.9: acTL before the first IDAT makes it animated. Chunk headers only.
Format sniff_png(ByteView input) {
    constexpr int kChunksMax = 10'000;
    std::size_t at = 8;
    for (int i = 0; i < kChunksMax && at + 8 <= input.size(); ++i) {
        if (holds(input, at + 4, "acTL")) return Format::kApng;
        if (holds(input, at + 4, "IDAT")) return Format::kPng;
        at += std::size_t{12} + read_be32(&input[at]);
    }
    return Format::kPng;
}

// ISO 14496-12 4.3: brands of 23008-12 (HEIF) and of AVIF; other brands are films.
Format sniff_heif(ByteView input) {
    constexpr std::string_view kBrands[] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm",
                                            "hevs", "mif1", "mif2", "msf1", "avif", "avis"};
    const std::size_t end = std::min({std::size_t{read_be32(input.data())}, input.size(), std::size_t{512}});
    for (std::size_t at = 8; at + 4 <= end; at += 4) {
        // The second word is the minor version.
        if (at == 12) continue;
        const std::string_view brand = as_text(input.subspan(at, 4));
        if (std::find(std::begin(kBrands), std::end(kBrands), brand) != std::end(kBrands)) {
            return Format::kHeif;
        }
    }
    return Format::kUnknown;
}

// Any text may begin with "BM": the size of the second header and the number of planes must be possible ones.
Format sniff_bmp(ByteView input) {
    constexpr std::uint32_t kHeaderSizes[] = {12, 16, 40, 52, 56, 64, 108, 124};
    if (input.size() < 30) return Format::kUnknown;
    const std::uint32_t header = read_le32(&input[14]);
    const std::uint16_t planes = read_le16(&input[header == 12 ? 22 : 26]);
    const bool known =
        std::find(std::begin(kHeaderSizes), std::end(kHeaderSizes), header) != std::end(kHeaderSizes);
    const bool pixels_after_headers = read_le32(&input[10]) >= 14 + header;
    return known && planes == 1 && pixels_after_headers ? Format::kBmp : Format::kUnknown;
}

// Block size, then the magic of a block or of the end of an empty file.
Format sniff_bzip2(ByteView input) {
    const bool level = input.size() > 3 && input[3] >= '1' && input[3] <= '9';
    const bool block =
        holds(input, 4, "\x31\x41\x59\x26\x53\x59") || holds(input, 4, "\x17\x72\x45\x38\x50\x90");
    return level && block ? Format::kBzip2 : Format::kUnknown;
}

// The formats whose magic is too short to be believed, or shared.
Format confirm(Format format, ByteView input, const TypeHint& hint) {
    switch (format) {
        case Format::kPng:
            return sniff_png(input);
        case Format::kZip:
            return sniff_zip(input, hint);
        case Format::kHeif:
            return sniff_heif(input);
        case Format::kBmp:
            return sniff_bmp(input);
        case Format::kBzip2:
            return sniff_bzip2(input);
        case Format::kWebp:
            return starts_with(input, "RIFF") ? format : Format::kUnknown;
        default:
            return format;
    }
}

}  // namespace

Format sniff(ByteView input, const TypeHint& hint) {
    for (const Magic& magic : kMagics) {
        if (!holds(input, magic.at, magic.bytes)) continue;
        const Format format = confirm(magic.format, input, hint);
        if (format != Format::kUnknown) return format;
    }
    // Readers of PDF look for the header in the first 1024 bytes (ISO 32000-1, annex H.3.4.1).
    const std::string_view head = as_text(input.first(std::min<std::size_t>(input.size(), 1024 + 5)));
    if (head.find("%PDF-") != std::string_view::npos) return Format::kPdf;
    return sniff_raster(input, hint);
}

}  // namespace optimilter
