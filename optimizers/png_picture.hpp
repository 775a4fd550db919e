// SPDX-License-Identifier: Apache-2.0
//
// A decoded PNG picture in memory: rows of packed samples in one of the layouts of the PNG specification, and
// the way from any layout of up to 8 bits to RGBA words and back. It knows neither files nor compression.
// Plain values; thread safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace optimilter {

// Colour types, W3C PNG section 11.2.1.
enum class PngColor : std::uint8_t { kGray = 0, kRgb = 2, kIndexed = 3, kGrayAlpha = 4, kRgba = 6 };

constexpr bool is_gray(PngColor color) {
    return color == PngColor::kGray || color == PngColor::kGrayAlpha;
}
constexpr bool has_alpha(PngColor color) {
    return color == PngColor::kGrayAlpha || color == PngColor::kRgba;
}
constexpr unsigned channel_count(PngColor color) {
    constexpr unsigned kCounts[] = {1, 0, 3, 1, 2, 0, 4};
    return kCounts[static_cast<unsigned>(color)];
}

// One pixel of four 8-bit samples: red in the lowest byte, then green, blue, alpha.
using Rgba = std::uint32_t;

constexpr Rgba make_rgba(unsigned r, unsigned g, unsigned b, unsigned a) {
    return r | (g << 8) | (b << 16) | (a << 24);
}
constexpr std::uint8_t red(Rgba p) {
    return static_cast<std::uint8_t>(p);
}
constexpr std::uint8_t green(Rgba p) {
    return static_cast<std::uint8_t>(p >> 8);
}
constexpr std::uint8_t blue(Rgba p) {
    return static_cast<std::uint8_t>(p >> 16);
}
constexpr std::uint8_t alpha(Rgba p) {
    return static_cast<std::uint8_t>(p >> 24);
}
constexpr Rgba without_alpha(Rgba p) {
    return p & 0x00FFFFFFu;
}

// Three samples, at the bit depth of the layout (gray: all three equal).
using PngColorKey = std::array<std::uint16_t, 3>;

struct PngLayout {
    PngColor color = PngColor::kGray;
    std::uint8_t bit_depth = 8;
    std::vector<Rgba> palette;       // kIndexed only, 1 to 256 entries
    std::optional<PngColorKey> key;  // kGray and kRgb only: the one colour that is transparent

    unsigned bits_per_pixel() const { return channel_count(color) * bit_depth; }
    // Distance of the neighbour that row filters look at, W3C PNG section 9.2.
    std::size_t filter_distance() const { return bits_per_pixel() < 8 ? 1 : bits_per_pixel() / 8; }
    std::size_t row_bytes(std::uint32_t width) const {
        return (static_cast<std::size_t>(width) * bits_per_pixel() + 7) / 8;
    }
    friend bool operator==(const PngLayout&, const PngLayout&) = default;
};

struct PngPicture {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    PngLayout layout;
    Bytes rows;  // row_bytes() each, no padding between; unused bits at a row's end are zero

    std::size_t row_bytes() const { return layout.row_bytes(width); }
    ByteView row(std::uint32_t y) const { return ByteView(rows).subspan(y * row_bytes(), row_bytes()); }
    std::uint8_t* row_begin(std::uint32_t y) { return rows.data() + y * row_bytes(); }
};

// The palette of a set of colours: finds the place of one. Colours must differ from each other.
class ColorIndex {
  public:
    explicit ColorIndex(const std::vector<Rgba>& colors);
    // The place of color, -1 when it is not there.
    int find(Rgba color) const;

  private:
    static constexpr std::size_t kSlots = 1024;
    static std::size_t slot_of(Rgba color) { return (color * 0x9E3779B1u) >> 22; }
    std::array<Rgba, kSlots> colors_{};
    std::array<std::int16_t, kSlots> places_{};
};

// Writes the width pixels of a row as RGBA words. The layout has at most 8 bits a sample; palette indexes
// must be inside the palette.
void expand_row(const PngLayout& layout, ByteView row, std::uint32_t width, Rgba* to);

// The other way round, for a layout that can hold every one of the pixels. index: of layout.palette for
// kIndexed, else nullptr.
void pack_row(const PngLayout& layout, const ColorIndex* index, const Rgba* from, std::uint32_t width,
              std::uint8_t* to);

// The same picture in another layout (both of at most 8 bits a sample).
PngPicture convert_picture(const PngPicture& picture, const PngLayout& layout);

}  // namespace optimilter
