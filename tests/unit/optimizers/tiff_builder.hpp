// SPDX-License-Identifier: Apache-2.0
//
// Small TIFF files for tests, written by libtiff, and edits of their directories. Single-threaded.
#pragma once

#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "optimizers/tiff_tree.hpp"
#include "optimizers/tiff_writer.hpp"

namespace optimilter::tiff_builder {

using Sample = unsigned (*)(unsigned x, unsigned y, unsigned channel);

inline unsigned smooth(unsigned x, unsigned y, unsigned channel) {
    return x * 3 + y * 2 + channel * 40 + x * y % 5;
}
inline unsigned page_of_text(unsigned x, unsigned y, unsigned) {
    return (x / 7 * 13 + y / 11 * 7) % 5 == 0 && x % 7 < 5 ? 1 : 0;
}
inline unsigned noise(unsigned x, unsigned y, unsigned channel) {
    return (x * 7919 + y * 104729 + channel * 1299709) * 2654435761u >> 13;
}

struct Page {
    std::uint32_t width = 67;
    std::uint32_t height = 53;
    std::uint16_t bits = 8;
    std::uint16_t samples = 3;
    std::uint16_t format = SAMPLEFORMAT_UINT;
    std::uint16_t compression = COMPRESSION_NONE;
    std::uint16_t predictor = 1;
    std::uint16_t photometric = PHOTOMETRIC_RGB;
    std::uint16_t planar = PLANARCONFIG_CONTIG;
    std::uint16_t fill_order = FILLORDER_MSB2LSB;
    std::uint32_t rows_per_strip = 8;
    bool tiled = false;  // 32 x 16
    Sample sample = smooth;
};

struct Memory {
    Bytes bytes;
    std::size_t at = 0;
};

inline tmsize_t memory_read(thandle_t handle, void* to, tmsize_t size) {
    auto* const memory = static_cast<Memory*>(handle);
    if (memory->at >= memory->bytes.size()) return 0;
    const std::size_t count = std::min(static_cast<std::size_t>(size), memory->bytes.size() - memory->at);
    std::memcpy(to, memory->bytes.data() + memory->at, count);
    memory->at += count;
    return static_cast<tmsize_t>(count);
}
inline tmsize_t memory_write(thandle_t handle, void* from, tmsize_t size) {
    auto* const memory = static_cast<Memory*>(handle);
    const auto count = static_cast<std::size_t>(size);
    memory->bytes.resize(std::max(memory->bytes.size(), memory->at + count));
    std::memcpy(memory->bytes.data() + memory->at, from, count);
    memory->at += count;
    return size;
}
inline toff_t memory_seek(thandle_t handle, toff_t offset, int whence) {
    auto* const memory = static_cast<Memory*>(handle);
    memory->at = (whence == SEEK_SET   ? 0
                  : whence == SEEK_CUR ? memory->at
                                       : memory->bytes.size()) +
                 static_cast<std::size_t>(offset);
    return memory->at;
}
inline int memory_close(thandle_t) {
    return 0;
}
inline toff_t memory_size(thandle_t handle) {
    return static_cast<Memory*>(handle)->bytes.size();
}

// Rows of one strip or tile that begins at x, y; plane: 0 where the samples stand side by side.
inline Bytes block_samples(const Page& page, std::uint32_t x, std::uint32_t y, std::uint32_t width,
                           std::uint32_t height, unsigned plane) {
    const unsigned channels = page.planar == PLANARCONFIG_SEPARATE ? 1 : page.samples;
    const std::size_t row_bytes = (std::size_t{width} * channels * page.bits + 7) / 8;
    Bytes rows(row_bytes * height);
    for (std::uint32_t r = 0; r < height; ++r)
        for (std::uint32_t i = 0; i < width * channels; ++i) {
            const unsigned value = page.sample(x + i / channels, y + r, plane + i % channels);
            std::uint8_t* const row = rows.data() + r * row_bytes;
            if (page.format == SAMPLEFORMAT_IEEEFP) {
                const float number = static_cast<float>(value) / 7.0F;
                std::memcpy(row + i * sizeof number, &number, sizeof number);
            } else if (page.bits >= 8) {
                std::memcpy(row + std::size_t{i} * page.bits / 8, &value, page.bits / 8u);
            } else {
                const unsigned masked = value & ((1u << page.bits) - 1);
                row[i * page.bits / 8] |=
                    static_cast<std::uint8_t>(masked << (8 - page.bits - i * page.bits % 8));
            }
        }
    return rows;
}

inline void write_page(TIFF* tiff, const Page& page) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, page.width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, page.height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, page.bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, page.samples);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, page.format);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, page.photometric);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, page.planar);
    TIFFSetField(tiff, TIFFTAG_FILLORDER, page.fill_order);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, page.compression);
    if (page.predictor != 1) TIFFSetField(tiff, TIFFTAG_PREDICTOR, page.predictor);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 300.0);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_RIGHTTOP);
    TIFFSetField(tiff, TIFFTAG_ICCPROFILE, 20, "a profile of colours");
    if (page.photometric == PHOTOMETRIC_RGB && page.samples == 4) {
        const std::uint16_t extra = EXTRASAMPLE_UNASSALPHA;
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &extra);
    }
    if (page.photometric == PHOTOMETRIC_PALETTE) {
        std::vector<std::uint16_t> map(std::size_t{1} << page.bits, 12345);
        TIFFSetField(tiff, TIFFTAG_COLORMAP, map.data(), map.data(), map.data());
    }
    const std::uint32_t width = page.tiled ? 32 : page.width;
    const std::uint32_t height = page.tiled ? 16 : page.rows_per_strip;
    if (page.tiled) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, width);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, height);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, height);
    }
    std::uint32_t block = 0;
    for (unsigned plane = 0; plane < (page.planar == PLANARCONFIG_SEPARATE ? page.samples : 1u); ++plane)
        for (std::uint32_t y = 0; y < page.height; y += height)
            for (std::uint32_t x = 0; x < page.width; x += width) {
                const std::uint32_t rows = page.tiled ? height : std::min(height, page.height - y);
                Bytes samples = block_samples(page, x, y, width, rows, plane);
                const auto size = static_cast<tmsize_t>(samples.size());
                if (page.tiled)
                    TIFFWriteEncodedTile(tiff, block++, samples.data(), size);
                else
                    TIFFWriteEncodedStrip(tiff, block++, samples.data(), size);
            }
    TIFFWriteDirectory(tiff);
}

// mode: l or b for the byte order, 8 for BigTIFF.
inline Bytes write(const std::vector<Page>& pages, const std::string& mode = "l") {
    Memory memory;
    TIFF* const tiff = TIFFClientOpen("", ("w" + mode).c_str(), &memory, memory_read, memory_write,
                                      memory_seek, memory_close, memory_size, nullptr, nullptr);
    for (const Page& page : pages) write_page(tiff, page);
    TIFFClose(tiff);
    return memory.bytes;
}

inline TiffFile tree_of(const Bytes& bytes) {
    return read_tiff(bytes, 100).value();
}

// Written anew after an edit of its tree.
template <typename Edit>
Bytes edited(const Bytes& bytes, Edit edit) {
    TiffFile file = tree_of(bytes);
    edit(file);
    return write_tiff(file, {});
}

inline void set_field(TiffDirectory& directory, std::uint16_t tag, std::uint16_t type, ByteView value) {
    std::vector<TiffField>& fields = directory.fields;
    std::erase_if(fields, [&](const TiffField& field) { return field.tag == tag; });
    const auto place =
        std::find_if(fields.begin(), fields.end(), [&](const TiffField& field) { return field.tag > tag; });
    fields.insert(place, {tag, type, value.size() / tiff_type_bytes(type), value});
}

inline void drop_field(TiffDirectory& directory, std::uint16_t tag) {
    std::erase_if(directory.fields, [&](const TiffField& field) { return field.tag == tag; });
}

}  // namespace optimilter::tiff_builder
