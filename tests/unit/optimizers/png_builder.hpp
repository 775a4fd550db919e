// SPDX-License-Identifier: Apache-2.0
//
// PNG files for tests: pictures of every layout written by libpng, and single chunks put in, broken or cut.
#pragma once

#include <png.h>

#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/png_chunks.hpp"

namespace optimilter::png_builder {

// The sample of channel c at x, y; the low bits that the depth has are used.
using Sample = std::function<unsigned(unsigned x, unsigned y, unsigned c)>;

struct Spec {
    PngColor color = PngColor::kRgb;
    int depth = 8;
    bool interlaced = false;
    unsigned width = 61;
    unsigned height = 47;
    Sample sample;
    int compression = 1;
};

inline Bytes packed_rows(const Spec& spec) {
    const unsigned channels = channel_count(spec.color);
    const unsigned depth = static_cast<unsigned>(spec.depth);
    const std::size_t stride = (std::size_t{spec.width} * channels * depth + 7) / 8;
    Bytes rows(stride * spec.height);
    for (unsigned y = 0; y < spec.height; ++y) {
        for (unsigned i = 0; i < spec.width * channels; ++i) {
            const unsigned value = spec.sample(i / channels, y, i % channels) & ((1u << depth) - 1);
            std::uint8_t* row = rows.data() + y * stride;
            const std::size_t bit = std::size_t{i} * depth;
            if (depth == 16) row[2 * i] = static_cast<std::uint8_t>(value >> 8);
            std::uint8_t& last = row[depth == 16 ? 2 * i + 1 : bit / 8];
            const unsigned shift = depth >= 8 ? 0 : 8 - depth - static_cast<unsigned>(bit % 8);
            last = static_cast<std::uint8_t>(last | ((value & 0xFF) << shift));
        }
    }
    return rows;
}

inline void append_output(png_structp png, png_bytep bytes, std::size_t size) {
    append(*static_cast<Bytes*>(png_get_io_ptr(png)), ByteView(bytes, size));
}

// Errors of libpng abort here: tests ask it for nothing wrong.
inline Bytes write(const Spec& spec) {
    Bytes output;
    const Bytes rows = packed_rows(spec);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &output, append_output, nullptr);
    png_set_compression_level(png, spec.compression);
    png_set_IHDR(png, info, spec.width, spec.height, spec.depth, static_cast<int>(spec.color),
                 spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    if (spec.color == PngColor::kIndexed) {
        std::vector<png_color> palette(std::size_t{1} << spec.depth);
        for (std::size_t i = 0; i < palette.size(); ++i) {
            const auto v = static_cast<png_byte>(i * 37 + 11);
            palette[i] = {v, static_cast<png_byte>(255 - v / 2), static_cast<png_byte>(i)};
        }
        png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
    }
    png_write_info(png, info);
    std::vector<png_bytep> pointers;
    for (unsigned y = 0; y < spec.height; ++y)
        pointers.push_back(const_cast<png_bytep>(rows.data()) + y * (rows.size() / spec.height));
    png_write_image(png, pointers.data());
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
    return output;
}

// Offset of the first chunk of a type (its length field); the size of the file when there is none.
inline std::size_t find_chunk(ByteView png, std::string_view type) {
    for (std::size_t at = 8; at + 12 <= png.size(); at += 12 + read_be32(png.data() + at))
        if (as_text(png).substr(at + 4, 4) == type) return at;
    return png.size();
}

inline Bytes chunk(std::string_view type, std::string_view body) {
    Bytes bytes;
    append_chunk(bytes, type, as_bytes(body));
    return bytes;
}

inline Bytes insert_before(Bytes png, std::string_view before, std::string_view type, std::string_view body) {
    const Bytes bytes = chunk(type, body);
    png.insert(png.begin() + static_cast<std::ptrdiff_t>(find_chunk(png, before)), bytes.begin(),
               bytes.end());
    return png;
}

inline Bytes with_header(Bytes png, std::string_view header) {
    const Bytes bytes = chunk("IHDR", header);
    std::memcpy(png.data() + 8, bytes.data(), bytes.size());
    return png;
}

// Cheap noise that is the same everywhere.
inline unsigned noise(unsigned x, unsigned y, unsigned c) {
    unsigned v = x * 0x9E3779B1u + y * 0x85EBCA6Bu + c * 0xC2B2AE35u + 1;
    v ^= v >> 15;
    v *= 0x2C1B3C6Du;
    v ^= v >> 13;
    return v;
}

// A picture as screens show: areas, lines, a gradient.
inline unsigned screen(unsigned x, unsigned y, unsigned c) {
    if ((x / 16 + y / 16) % 3 == 0) return x * 2 + y + c * 20;
    if (y % 7 == 0) return 20 + c;
    return 240 - 10 * c;
}

inline std::string_view z(const char* text, std::size_t size) {
    return {text, size};
}

}  // namespace optimilter::png_builder
