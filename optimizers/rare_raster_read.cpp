// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "optimizers/rare_raster.hpp"

namespace optimilter {

namespace {

Error malformed() {
    return {ErrorCode::kMalformed, "raster: pixels do not decode"};
}

// Runs of TGA 2.0: packets of up to 128 pixels of size bytes.
bool unpack_tga(ByteView from, std::size_t size, Bytes& to) {
    std::size_t at = 0;
    for (std::size_t done = 0; done < to.size();) {
        if (at == from.size()) return false;
        const unsigned packet = from[at++];
        const std::size_t count = (packet & 0x7F) + std::size_t{1};
        const bool run = (packet & 0x80) != 0;
        const std::size_t coded = run ? size : count * size;
        if (coded > from.size() - at || count * size > to.size() - done) return false;
        for (std::size_t i = 0; i < count * size; ++i) to[done + i] = from[at + (run ? i % size : i)];
        done += count * size;
        at += coded;
    }
    // More than padding would be something that gets lost.
    return from.size() - at <= 3;
}

// Runs of PCX: bytes of which the two highest bits are set count the next.
bool unpack_pcx(ByteView from, Bytes& to) {
    std::size_t at = 0;
    for (std::size_t done = 0; done < to.size();) {
        if (at == from.size()) return false;
        const std::uint8_t byte = from[at++];
        if (byte < 0xC0) {
            to[done++] = byte;
            continue;
        }
        const std::size_t count = byte & 0x3F;
        if (at == from.size() || count > to.size() - done) return false;
        std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(done), count, from[at++]);
        done += count;
    }
    return from.size() - at <= 3;
}

// One row of SGI runs: counts with the highest bit set are of plain bytes, 0 ends.
bool unpack_sgi_row(ByteView from, std::uint8_t* to, std::size_t width) {
    std::size_t at = 0;
    std::size_t done = 0;
    while (at < from.size()) {
        const unsigned packet = from[at++];
        const std::size_t count = packet & 0x7F;
        if (count == 0) break;
        const bool plain = (packet & 0x80) != 0;
        if ((plain ? count : 1) > from.size() - at || count > width - done) return false;
        for (std::size_t i = 0; i < count; ++i) to[done + i] = from[plain ? at + i : at];
        at += plain ? count : 1;
        done += count;
    }
    return done == width;
}

bool unpack_sgi(ByteView file, const RasterHeader& header, Bytes& to) {
    const std::size_t rows = std::size_t{header.height} * header.planes;
    if (512 + 8 * rows > file.size()) return false;
    std::size_t end = 512 + 8 * rows;
    for (std::size_t i = 0; i < rows; ++i) {
        const std::size_t at = read_be32(&file[512 + 4 * i]);
        const std::size_t size = read_be32(&file[512 + 4 * (rows + i)]);
        if (at > file.size() || size > file.size() - at) return false;
        if (!unpack_sgi_row(file.subspan(at, size), to.data() + i * header.width, header.width)) return false;
        end = std::max(end, at + size);
    }
    return file.size() - end <= 3;
}

// Rows as stored, without run lengths.
Result<Bytes> plain_rows(Format format, ByteView file, const RasterHeader& header) {
    if (!header.run_lengths) return Bytes(header.pixels.begin(), header.pixels.end());
    const std::size_t pixel = header.bits / 8;
    const std::size_t row = format == Format::kTga ? header.width * pixel : header.stride * header.planes;
    Bytes rows(row * header.height);
    const bool good = format == Format::kTga   ? unpack_tga(header.pixels, pixel, rows)
                      : format == Format::kPcx ? unpack_pcx(header.pixels, rows)
                                               : unpack_sgi(file, header, rows);
    if (!good) return malformed();
    return rows;
}

struct Rgb {
    std::uint8_t r, g, b;
};

// Gives the pixels of plain rows by place.
class Pixels {
  public:
    Pixels(Format format, const RasterHeader& header, const Bytes& rows)
        : header_(header), rows_(rows), apart_(header.planes > 1 || format == Format::kSgi) {
        planes_last_ = format == Format::kPcx;
        stride_ = header.run_lengths && format == Format::kTga ? header.width * std::size_t{header.bits} / 8
                                                               : header.stride;
    }

    // false: an index beyond the palette.
    bool get(std::uint32_t x, std::uint32_t y, Rgb& to) const {
        if (apart_) return get_apart(x, y, to);
        const std::uint8_t* const row = rows_.data() + y * stride_;
        if (header_.bits >= 24) {
            const std::uint8_t* const p = row + std::size_t{x} * header_.bits / 8;
            to = header_.blue_first ? Rgb{p[2], p[1], p[0]} : Rgb{p[0], p[1], p[2]};
            return true;
        }
        const unsigned per_byte = 8u / header_.bits;
        const unsigned shift = (per_byte - 1 - x % per_byte) * header_.bits;
        return look_up((row[x / per_byte] >> shift) & ((1u << header_.bits) - 1), to);
    }
    // The fourth sample of a pixel of 32 bits.
    std::uint8_t fourth(std::uint32_t x, std::uint32_t y) const { return rows_[y * stride_ + 4 * x + 3]; }

  private:
    bool get_apart(std::uint32_t x, std::uint32_t y, Rgb& to) const {
        const std::size_t plane = planes_last_ ? header_.stride : header_.stride * header_.height;
        const std::size_t row = planes_last_ ? header_.stride * header_.planes : header_.stride;
        const std::uint8_t* const p = rows_.data() + y * row + x;
        if (header_.planes == 1) return look_up(*p, to);
        to = {p[0], p[plane], p[2 * plane]};
        return true;
    }
    bool look_up(unsigned index, Rgb& to) const {
        const auto gray = static_cast<std::uint8_t>(index);
        to = {gray, gray, gray};
        if (header_.palette.empty()) return true;
        const std::size_t planes = header_.palette.size() / 3;
        const std::size_t entry = header_.entry_size;
        if (entry == 0) {
            if (index >= planes) return false;
            const std::uint8_t* const p = &header_.palette[index];
            to = {p[0], p[planes], p[2 * planes]};
            return true;
        }
        if ((index + 1) * entry > header_.palette.size()) return false;
        const std::uint8_t* const p = &header_.palette[index * entry];
        to = header_.blue_first ? Rgb{p[2], p[1], p[0]} : Rgb{p[0], p[1], p[2]};
        return true;
    }

    const RasterHeader& header_;
    const Bytes& rows_;
    bool apart_;
    bool planes_last_ = false;
    std::size_t stride_ = 0;
};

// Reserved to some readers, alpha to others: all agree only when it is nowhere used. In a BMP that is 0 too.
bool fourth_is_plain(Format format, const Pixels& pixels, const RasterHeader& header) {
    if (header.bits != 32) return true;
    const std::uint8_t first = pixels.fourth(0, 0);
    if (first != 255 && (first != 0 || format != Format::kBmp)) return false;
    for (std::uint32_t y = 0; y < header.height; ++y)
        for (std::uint32_t x = 0; x < header.width; ++x)
            if (pixels.fourth(x, y) != first) return false;
    return true;
}

}  // namespace

Result<Bytes> read_raster(Format format, ByteView file, const RasterHeader& header) {
    const Result<Bytes> rows = plain_rows(format, file, header);
    if (!rows) return rows.error();
    const Pixels pixels(format, header, *rows);
    if (!fourth_is_plain(format, pixels, header))
        return Error{ErrorCode::kUnsupported, "a fourth sample that readers understand differently"};
    Bytes rgba(static_cast<std::size_t>(header.area()) * 4);
    std::uint8_t* to = rgba.data();
    for (std::uint32_t y = 0; y < header.height; ++y) {
        const std::uint32_t from = header.bottom_up ? header.height - 1 - y : y;
        for (std::uint32_t x = 0; x < header.width; ++x, to += 4) {
            Rgb pixel{};
            if (!pixels.get(x, from, pixel)) return malformed();
            to[0] = pixel.r;
            to[1] = pixel.g;
            to[2] = pixel.b;
            to[3] = 255;
        }
    }
    return rgba;
}

}  // namespace optimilter
