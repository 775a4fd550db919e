// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_scale.hpp"

#include <vector>

#include "optimizers/exif.hpp"
#include "optimizers/png_limits.hpp"

namespace optimilter {

namespace {

// The samples and twice as many bits each, before and after, live at the same time.
bool fits_memory(const PngHeader& header) {
    return std::uint64_t{header.width} * header.height <= kMostPixelsQuantized;
}

// Chunks that tell about single pixels or about places in the picture.
bool is_bound_to_pixels(const PngFile& file) {
    for (const std::string_view type : {"hIST", "oFFs", "pCAL", "sCAL", "sTER"})
        if (file.find(type) != nullptr) return true;
    return file.suggests_palette();
}

bool is_turned(const PngFile& file) {
    constexpr std::uint16_t kFirstTurned = 5;
    const PngChunk* const exif = file.find("eXIf");
    return exif != nullptr && exif_orientation(exif->body).value_or(1) >= kFirstTurned;
}

}  // namespace

PictureSize png_target_size(const PngFile& file, const Context& context) {
    const PictureSize own{file.header.width, file.header.height};
    const bool may = context.options.lossy && context.depth > 0 && file.header.bit_depth == 8;
    if (!may || is_bound_to_pixels(file) || !fits_memory(file.header)) return own;
    return size_for_use(own, context.use, is_turned(file));
}

Result<PngPicture> scale_png_picture(const PngPicture& picture, PictureSize to, Deadline deadline) {
    const PngLayout kRgba{PngColor::kRgba, 8, {}, {}};
    const PngPicture rgba = convert_picture(picture, kRgba);
    Result<Bytes> rows = resize_rgba(rgba.rows, {rgba.width, rgba.height}, to, deadline);
    if (!rows) return rows.error();
    return PngPicture{to.width, to.height, kRgba, std::move(*rows)};
}

}  // namespace optimilter
