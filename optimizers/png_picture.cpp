// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_picture.hpp"

namespace optimilter {

namespace {

// What each value of a one-sample layout looks like: expanding is then one table look-up a pixel.
std::array<Rgba, 256> sample_colors(const PngLayout& layout) {
    std::array<Rgba, 256> colors{};
    if (layout.color == PngColor::kIndexed) {
        for (std::size_t i = 0; i < layout.palette.size() && i < colors.size(); ++i)
            colors[i] = layout.palette[i];
        return colors;
    }
    const unsigned top = (1u << layout.bit_depth) - 1;
    for (unsigned v = 0; v <= top; ++v) {
        const unsigned gray = v * 255 / top;
        const bool keyed = layout.key && (*layout.key)[0] == v;
        colors[v] = make_rgba(gray, gray, gray, keyed ? 0 : 255);
    }
    return colors;
}

void expand_samples(const PngLayout& layout, ByteView row, std::uint32_t width, Rgba* to) {
    const std::array<Rgba, 256> colors = sample_colors(layout);
    const unsigned bits = layout.bit_depth;
    if (bits == 8) {
        for (std::uint32_t x = 0; x < width; ++x) to[x] = colors[row[x]];
        return;
    }
    const unsigned mask = (1u << bits) - 1;
    for (std::uint32_t x = 0; x < width; ++x) {
        const std::size_t bit = static_cast<std::size_t>(x) * bits;
        to[x] = colors[(row[bit / 8] >> (8 - bits - bit % 8)) & mask];
    }
}

void expand_rgb(const PngLayout& layout, const std::uint8_t* row, std::uint32_t width, Rgba* to) {
    for (std::uint32_t x = 0; x < width; ++x)
        to[x] = make_rgba(row[3 * x], row[3 * x + 1], row[3 * x + 2], 255);
    if (!layout.key) return;
    const PngColorKey& key = *layout.key;
    if (key[0] > 255 || key[1] > 255 || key[2] > 255) return;
    const Rgba keyed = make_rgba(key[0], key[1], key[2], 255);
    for (std::uint32_t x = 0; x < width; ++x)
        if (to[x] == keyed) to[x] = without_alpha(keyed);
}

// Packs one sample of up to 8 bits a pixel; sample(p) gives it.
template <typename Sample>
void pack_samples(unsigned bits, const Rgba* from, std::uint32_t width, std::uint8_t* to, Sample sample) {
    if (bits == 8) {
        for (std::uint32_t x = 0; x < width; ++x) to[x] = static_cast<std::uint8_t>(sample(from[x]));
        return;
    }
    unsigned held = 0;
    unsigned filled = 0;
    for (std::uint32_t x = 0; x < width; ++x) {
        held = (held << bits) | sample(from[x]);
        filled += bits;
        if (filled < 8) continue;
        *to++ = static_cast<std::uint8_t>(held);
        held = 0;
        filled = 0;
    }
    if (filled != 0) *to = static_cast<std::uint8_t>(held << (8 - filled));
}

void pack_indexes(unsigned bits, const ColorIndex& index, const Rgba* from, std::uint32_t width,
                  std::uint8_t* to) {
    // Neighbours are often alike: remember the last answer.
    Rgba last = ~from[0];
    unsigned place = 0;
    pack_samples(bits, from, width, to, [&](Rgba p) {
        if (p != last) {
            last = p;
            place = static_cast<unsigned>(index.find(p)) & 0xFFu;
        }
        return place;
    });
}

}  // namespace

ColorIndex::ColorIndex(const std::vector<Rgba>& colors) {
    places_.fill(-1);
    for (std::size_t i = 0; i < colors.size() && i < 256; ++i) {
        std::size_t slot = slot_of(colors[i]);
        while (places_[slot] >= 0) slot = (slot + 1) % kSlots;
        colors_[slot] = colors[i];
        places_[slot] = static_cast<std::int16_t>(i);
    }
}

int ColorIndex::find(Rgba color) const {
    for (std::size_t slot = slot_of(color); places_[slot] >= 0; slot = (slot + 1) % kSlots)
        if (colors_[slot] == color) return places_[slot];
    return -1;
}

void expand_row(const PngLayout& layout, ByteView row, std::uint32_t width, Rgba* to) {
    const std::uint8_t* p = row.data();
    switch (layout.color) {
        case PngColor::kGray:
        case PngColor::kIndexed:
            return expand_samples(layout, row, width, to);
        case PngColor::kRgb:
            return expand_rgb(layout, p, width, to);
        case PngColor::kGrayAlpha:
            for (std::uint32_t x = 0; x < width; ++x)
                to[x] = make_rgba(p[2 * x], p[2 * x], p[2 * x], p[2 * x + 1]);
            return;
        case PngColor::kRgba:
            for (std::uint32_t x = 0; x < width; ++x)
                to[x] = make_rgba(p[4 * x], p[4 * x + 1], p[4 * x + 2], p[4 * x + 3]);
            return;
    }
}

void pack_row(const PngLayout& layout, const ColorIndex* index, const Rgba* from, std::uint32_t width,
              std::uint8_t* to) {
    const unsigned bits = layout.bit_depth;
    switch (layout.color) {
        case PngColor::kGray:
            // Every value is a multiple of 255 / (2^bits - 1), so that its high bits are the sample.
            return pack_samples(bits, from, width, to, [bits](Rgba p) { return red(p) >> (8u - bits); });
        case PngColor::kIndexed:
            return pack_indexes(bits, *index, from, width, to);
        case PngColor::kRgb:
            for (std::uint32_t x = 0; x < width; ++x) {
                to[3 * x] = red(from[x]);
                to[3 * x + 1] = green(from[x]);
                to[3 * x + 2] = blue(from[x]);
            }
            return;
        case PngColor::kGrayAlpha:
            for (std::uint32_t x = 0; x < width; ++x) {
                to[2 * x] = red(from[x]);
                to[2 * x + 1] = alpha(from[x]);
            }
            return;
        case PngColor::kRgba:
            for (std::uint32_t x = 0; x < width; ++x) {
                to[4 * x] = red(from[x]);
                to[4 * x + 1] = green(from[x]);
                to[4 * x + 2] = blue(from[x]);
                to[4 * x + 3] = alpha(from[x]);
            }
            return;
    }
}

PngPicture convert_picture(const PngPicture& picture, const PngLayout& layout) {
    PngPicture result{picture.width, picture.height, layout, {}};
    result.rows.resize(result.row_bytes() * picture.height);
    const ColorIndex index(layout.palette);
    std::vector<Rgba> pixels(picture.width);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        expand_row(picture.layout, picture.row(y), picture.width, pixels.data());
        pack_row(layout, &index, pixels.data(), picture.width, result.row_begin(y));
    }
    return result;
}

}  // namespace optimilter
