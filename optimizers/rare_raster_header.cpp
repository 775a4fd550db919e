// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "optimizers/rare_raster.hpp"

namespace optimilter {

namespace {

Error malformed() {
    return {ErrorCode::kMalformed, "raster: broken header or pixels that do not fit the file"};
}
Error unsupported(const char* text) {
    return {ErrorCode::kUnsupported, text};
}
constexpr const char* kVariant = "a variant of this format that stays as it is";
constexpr const char* kMore = "holds more than a picture";
// Padding behind the pixels that writers leave.
constexpr std::size_t kMostPadding = 3;

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// The rows lie at an offset, each padded to a multiple of align; nothing but padding follows.
Status place_rows(RasterHeader& header, ByteView file, std::uint64_t at, unsigned align) {
    const std::uint64_t row = (std::uint64_t{header.width} * header.bits + 7) / 8;
    header.stride = static_cast<std::size_t>((row + align - 1) / align * align);
    const std::uint64_t size = std::uint64_t{header.stride} * header.height;
    if (at > file.size() || size > file.size() - at) return malformed();
    if (header.icc.empty() && file.size() - at - size > kMostPadding) return unsupported(kMore);
    header.pixels = file.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
    return Success{};
}

bool size_fits(const RasterHeader& header) {
    return header.width > 0 && header.height > 0 && header.width <= 65535 && header.height <= 65535;
}

// BITMAPV5HEADER: an embedded profile stands last in the file, right behind the pixels.
Status read_bmp_profile(RasterHeader& to, ByteView file, std::uint32_t header_size) {
    constexpr std::uint32_t kSrgb = 0x73524742;
    constexpr std::uint32_t kWindows = 0x57696E20;
    constexpr std::uint32_t kEmbedded = 0x4D424544;
    if (header_size < 108) return Success{};
    const std::uint32_t space = read_le32(&file[14 + 56]);
    if (space == kSrgb || space == kWindows) return Success{};
    // Calibrated by numbers, all of them zero: not calibrated.
    if (space == 0 && all_zero(file.subspan(14 + 60, 48))) return Success{};
    if (space != kEmbedded || header_size != 124) return unsupported("colours calibrated in a way of BMP");
    const std::uint64_t at = 14 + std::uint64_t{read_le32(&file[14 + 112])};
    const std::uint64_t size = read_le32(&file[14 + 116]);
    if (at > file.size() || size == 0 || size > file.size() - at) return malformed();
    if (file.size() - at - size > kMostPadding) return unsupported(kMore);
    to.icc = file.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
    return Success{};
}

Status read_bmp_sizes(RasterHeader& to, ByteView file, std::uint32_t header_size) {
    if (header_size == 12) {
        to.width = read_le16(&file[18]);
        to.height = read_le16(&file[20]);
        to.bottom_up = true;
        to.entry_size = 3;
        return Success{};
    }
    if (header_size != 40 && header_size != 108 && header_size != 124) return unsupported(kVariant);
    if (file.size() < 14 + std::size_t{header_size}) return malformed();
    const std::uint32_t height = read_le32(&file[22]);
    to.width = read_le32(&file[18]);
    to.bottom_up = (height >> 31) == 0;
    to.height = to.bottom_up ? height : 0u - height;
    to.entry_size = 4;
    if (read_le32(&file[30]) != 0) return unsupported("compressed BMP");
    const std::uint32_t x = read_le32(&file[38]);
    const std::uint32_t y = read_le32(&file[42]);
    if (x != 0 && y != 0 && x < 1'000'000 && y < 1'000'000) {
        to.x_per_meter = x;
        to.y_per_meter = y;
    }
    return read_bmp_profile(to, file, header_size);
}

// [MS-WMF] 2.2.2; BITMAPINFOHEADER and its successors.
Result<RasterHeader> read_bmp(ByteView file) {
    if (file.size() < 54) return malformed();
    RasterHeader to;
    to.blue_first = true;
    const std::uint32_t header_size = read_le32(&file[14]);
    if (Status status = read_bmp_sizes(to, file, header_size); !status) return status.error();
    if (!size_fits(to)) return malformed();
    const unsigned bits = read_le16(&file[header_size == 12 ? 24 : 28]);
    if (bits == 16) return unsupported("samples that 8 bits cannot hold exactly");
    if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32) return malformed();
    to.bits = static_cast<std::uint8_t>(bits);
    const std::uint64_t at = read_le32(&file[10]);
    const std::size_t start = 14 + header_size;
    if (bits <= 8) {
        const std::uint32_t said = header_size == 12 ? 0 : read_le32(&file[46]);
        const std::uint32_t entries = said == 0 ? 1u << bits : said;
        if (entries > (1u << bits) || start + entries * to.entry_size > file.size()) return malformed();
        to.palette = file.subspan(start, entries * to.entry_size);
    } else if (header_size != 12 && read_le32(&file[46]) != 0) {
        return unsupported(kVariant);
    }
    const std::uint64_t end = start + to.palette.size();
    if (at < end) return malformed();
    if (at - end > kMostPadding) return unsupported(kMore);
    if (Status status = place_rows(to, file, at, 4); !status) return status.error();
    const std::uint8_t* const pixels_end = to.pixels.data() + to.pixels.size();
    if (!to.icc.empty() && (to.icc.data() < pixels_end || to.icc.data() - pixels_end > 3))
        return unsupported(kMore);
    return to;
}

// Truevision TGA 2.0.
Result<RasterHeader> read_tga(ByteView file) {
    constexpr std::string_view kFooter("TRUEVISION-XFILE.\0", 18);
    if (file.size() < 18) return malformed();
    ByteView body = file;
    if (file.size() >= 44 && as_text(file.last(18)) == kFooter) {
        if (!all_zero(file.subspan(file.size() - 26, 8))) return unsupported(kMore);
        body = file.first(file.size() - 26);
    }
    const unsigned type = file[2];
    const unsigned bits = file[16];
    const bool gray = type == 3 || type == 11;
    if (file[0] != 0 || file[1] != 0 || !all_zero(file.subspan(3, 9))) return unsupported(kVariant);
    if (!gray && type != 2 && type != 10) return unsupported(kVariant);
    if (gray ? bits != 8 : bits != 24 && bits != 32) return unsupported(kVariant);
    if ((file[17] & 0xD0) != 0) return unsupported(kVariant);
    RasterHeader to;
    to.width = read_le16(&file[12]);
    to.height = read_le16(&file[14]);
    to.bits = static_cast<std::uint8_t>(bits);
    to.blue_first = !gray;
    to.bottom_up = (file[17] & 0x20) == 0;
    to.run_lengths = type >= 9;
    if (!size_fits(to)) return malformed();
    if (to.run_lengths) {
        to.pixels = body.subspan(18);
        return to;
    }
    if (Status status = place_rows(to, body, 18, 1); !status) return status.error();
    return to;
}

// ZSoft PCX, version 5: 256 colours or 24 bits.
Result<RasterHeader> read_pcx(ByteView file) {
    if (file.size() < 128 + 1) return malformed();
    RasterHeader to;
    const int width = read_le16(&file[8]) - read_le16(&file[4]) + 1;
    const int height = read_le16(&file[10]) - read_le16(&file[6]) + 1;
    if (width <= 0 || height <= 0) return malformed();
    to.width = static_cast<std::uint32_t>(width);
    to.height = static_cast<std::uint32_t>(height);
    to.planes = file[65];
    to.stride = read_le16(&file[66]);
    to.run_lengths = true;
    if (file[1] != 5 || file[2] != 1 || file[3] != 8 || (to.planes != 1 && to.planes != 3))
        return unsupported(kVariant);
    if (read_le16(&file[4]) != 0 || read_le16(&file[6]) != 0) return unsupported("a picture off its corner");
    // Rows are padded to an even length, by some writers to more.
    if (to.stride < to.width || to.stride > to.width + 15u) return malformed();
    to.pixels = file.subspan(128);
    if (to.planes == 3) return to;
    if (file.size() < 128 + 769 || file[file.size() - 769] != 12) return unsupported(kVariant);
    to.palette = file.last(768);
    to.pixels = file.subspan(128, file.size() - 769 - 128);
    return to;
}

// SGI image file format 1.0.
Result<RasterHeader> read_sgi(ByteView file) {
    if (file.size() < 512) return malformed();
    RasterHeader to;
    to.width = read_be16(&file[6]);
    to.height = read_be16(&file[8]);
    to.planes = static_cast<std::uint8_t>(std::min<unsigned>(read_be16(&file[10]), 255));
    to.run_lengths = file[2] == 1;
    to.bottom_up = true;
    const unsigned dimension = read_be16(&file[4]);
    if (dimension == 2) to.planes = 1;
    if (!size_fits(to)) return malformed();
    if (file[2] > 1 || file[3] != 1 || (dimension != 2 && dimension != 3)) return unsupported(kVariant);
    if ((to.planes != 1 && to.planes != 3) || read_be32(&file[104]) != 0) return unsupported(kVariant);
    // Samples are stretched to this range by some readers.
    if (read_be32(&file[12]) != 0 || read_be32(&file[16]) != 255) return unsupported(kVariant);
    if (!all_zero(file.subspan(24, 80)) || !all_zero(file.subspan(108, 404))) return unsupported(kMore);
    to.stride = to.width;
    to.pixels = file.subspan(512);
    const std::uint64_t size = to.area() * to.planes;
    if (to.run_lengths) return to;
    if (size > to.pixels.size()) return malformed();
    if (to.pixels.size() - size > kMostPadding) return unsupported(kMore);
    return to;
}

// A number of a PNM header and the one blank after it. 0: none there.
std::uint32_t take_number(ByteView file, std::size_t& at) {
    std::uint32_t value = 0;
    const char* const text = reinterpret_cast<const char*>(file.data());
    const auto [end, error] = std::from_chars(text + at, text + file.size(), value);
    at = static_cast<std::size_t>(end - text) + 1;
    const bool good = error == std::errc() && at <= file.size() &&
                      (file[at - 1] == '\n' || file[at - 1] == ' ' || file[at - 1] == '\t');
    return good ? value : 0;
}

// Netpbm, PGM and PPM in bytes; a header with a comment, or more than one picture, stays.
Result<RasterHeader> read_pnm(ByteView file) {
    if (file.size() < 9) return malformed();
    if (file[1] != '5' && file[1] != '6') return unsupported(kVariant);
    RasterHeader to;
    std::size_t at = 3;
    to.width = take_number(file, at);
    to.height = to.width == 0 ? 0 : take_number(file, at);
    const std::uint32_t most = to.height == 0 ? 0 : take_number(file, at);
    if (most == 0) return unsupported(kVariant);
    if (most != 255) return unsupported("samples that 8 bits cannot hold exactly");
    if (!size_fits(to)) return malformed();
    to.bits = file[1] == '5' ? 8 : 24;
    if (Status status = place_rows(to, file, at, 1); !status) return status.error();
    return to;
}

// Sun raster file, rasterfile(5).
Result<RasterHeader> read_sun(ByteView file) {
    if (file.size() < 32) return malformed();
    RasterHeader to;
    to.width = read_be32(&file[4]);
    to.height = read_be32(&file[8]);
    const std::uint32_t bits = read_be32(&file[12]);
    const std::uint32_t type = read_be32(&file[20]);
    const std::uint32_t map = read_be32(&file[28]);
    if (!size_fits(to)) return malformed();
    if ((bits != 8 && bits != 24) || (type != 1 && type != 3)) return unsupported(kVariant);
    if (read_be32(&file[24]) != (map == 0 ? 0u : 1u) || map > 768 || map % 3 != 0 || (bits == 24 && map != 0))
        return unsupported(kVariant);
    if (map > file.size() - 32) return malformed();
    to.bits = static_cast<std::uint8_t>(bits);
    to.blue_first = type == 1;
    to.palette = file.subspan(32, map);
    to.entry_size = 0;
    if (Status status = place_rows(to, file, 32 + map, 2); !status) return status.error();
    return to;
}

}  // namespace

Result<RasterHeader> read_raster_header(Format format, ByteView file) {
    switch (format) {
        case Format::kBmp:
            return read_bmp(file);
        case Format::kTga:
            return read_tga(file);
        case Format::kPcx:
            return read_pcx(file);
        case Format::kSgi:
            return read_sgi(file);
        case Format::kPnm:
            return read_pnm(file);
        case Format::kSunRaster:
            return read_sun(file);
        default:
            return unsupported(kVariant);
    }
}

}  // namespace optimilter
