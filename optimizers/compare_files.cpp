// SPDX-License-Identifier: Apache-2.0
#include "optimizers/compare_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "optimizers/c_handles.hpp"
#include "optimizers/format.hpp"
#include "optimizers/jpeg_lossy.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/png_likeness.hpp"

namespace optimilter {

namespace {

constexpr const char* kNames[] = {"first", "second"};

bool decodable(Format format) {
    constexpr Format kFormats[] = {Format::kJpeg, Format::kPng, Format::kGif, Format::kTiff, Format::kWebp};
    return std::find(std::begin(kFormats), std::end(kFormats), format) != std::end(kFormats);
}

Error undecodable(const char* which) {
    vips_error_clear();
    return {ErrorCode::kMalformed, fmt::format("the {} file does not decode", which)};
}

std::uint32_t side(int pixels) {
    return static_cast<std::uint32_t>(pixels);
}

Result<VipsImageHandle> open_picture(ByteView file, const char* which, Budget& budget) {
    if (!decodable(sniff(file)))
        return Error{ErrorCode::kUnsupported, fmt::format("the {} file is no picture we decode", which)};
    VipsImageHandle image(
        vips_image_new_from_buffer(file.data(), file.size(), "", "fail_on", VIPS_FAIL_ON_WARNING, nullptr));
    if (!image) return undecodable(which);
    const std::uint64_t pixels = std::uint64_t{side(image->Xsize)} * side(image->Ysize);
    if (!budget.spend_pixels(pixels))
        return Error{ErrorCode::kLimit, fmt::format("the {} picture is too large", which)};
    VipsImage* colored = nullptr;
    if (vips_colourspace(image.get(), &colored, VIPS_INTERPRETATION_sRGB, nullptr) != 0)
        return undecodable(which);
    return VipsImageHandle(colored);
}

Result<Bytes> samples_over(VipsImage* picture, unsigned background, const char* which) {
    std::size_t size = 0;
    const VipsMemory memory(vips_image_write_to_memory(picture, &size));
    const bool alpha = vips_image_hasalpha(picture) != 0;
    const std::uint64_t wanted = std::uint64_t{side(picture->Xsize)} * side(picture->Ysize) * (alpha ? 4 : 3);
    if (!memory || picture->BandFmt != VIPS_FORMAT_UCHAR || size != wanted) return undecodable(which);
    const auto* bytes = static_cast<const std::uint8_t*>(memory.get());
    if (alpha) return composed({bytes, size}, background);
    return Bytes(bytes, bytes + size);
}

// How many times finer luma is than chroma, across and down; that of lossy WebP for all of WebP.
std::pair<unsigned, unsigned> fineness(ByteView file) {
    const Format format = sniff(file);
    if (format == Format::kWebp) return {2, 2};
    if (format != Format::kJpeg) return {1, 1};
    const Result<JpegMarkers> markers = parse_jpeg_markers(file);
    return markers ? luma_to_chroma(*markers) : std::pair{1u, 1u};
}

// As the optimizers measure: at full size where one of the files may have lost fine chroma.
ScoreChroma chroma_of(ByteView a, ByteView b) {
    return fineness(a) == fineness(b) ? ScoreChroma::kHalfSize : ScoreChroma::kFullSize;
}

Result<PictureComparison> compare_over(VipsImage* a, VipsImage* b, unsigned background, ScoreChroma chroma) {
    const Result<Bytes> first = samples_over(a, background, kNames[0]);
    if (!first) return first.error();
    const Result<Bytes> second = samples_over(b, background, kNames[1]);
    if (!second) return second.error();
    return compare_pictures(*first, *second, side(a->Xsize), side(a->Ysize), 3, ScoreColors::kRgb, chroma);
}

}  // namespace

Result<PictureComparison> compare_files(ByteView a, ByteView b, Budget& budget) {
    const Result<VipsImageHandle> first = open_picture(a, kNames[0], budget);
    if (!first) return first.error();
    const Result<VipsImageHandle> second = open_picture(b, kNames[1], budget);
    if (!second) return second.error();
    VipsImage* const p = first->get();
    VipsImage* const q = second->get();
    if (p->Xsize != q->Xsize || p->Ysize != q->Ysize) {
        return Error{ErrorCode::kRefused, fmt::format("sizes differ: {}x{} and {}x{} pixels", p->Xsize,
                                                      p->Ysize, q->Xsize, q->Ysize)};
    }
    const ScoreChroma chroma = chroma_of(a, b);
    Result<PictureComparison> over_black = compare_over(p, q, 0, chroma);
    if (!over_black || (vips_image_hasalpha(p) == 0 && vips_image_hasalpha(q) == 0)) return over_black;
    Result<PictureComparison> over_white = compare_over(p, q, 255, chroma);
    return over_white && over_white->score > over_black->score ? over_black : over_white;
}

std::string worst_tile_text(const PictureComparison& c) {
    return fmt::format("worst tile at {},{}: {:.2f} (luma {:.2f}, Cb {:.2f}, Cr {:.2f})", c.worst_x,
                       c.worst_y, c.worst_distance, c.worst_channels[0], c.worst_channels[1],
                       c.worst_channels[2]);
}

}  // namespace optimilter
