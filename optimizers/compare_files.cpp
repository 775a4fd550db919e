// SPDX-License-Identifier: Apache-2.0
#include "optimizers/compare_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "optimizers/c_handles.hpp"
#include "optimizers/format.hpp"

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

Result<Bytes> samples_over(VipsImage* picture, double background, const char* which) {
    const std::array<double, 3> colors = {background, background, background};
    const std::unique_ptr<VipsArrayDouble, void (*)(VipsArrayDouble*)> array(
        vips_array_double_new(colors.data(), 3), [](VipsArrayDouble* a) { vips_area_unref(VIPS_AREA(a)); });
    VipsImage* unowned = nullptr;
    const int failed = vips_image_hasalpha(picture) != 0
                           ? vips_flatten(picture, &unowned, "background", array.get(), nullptr)
                           : vips_copy(picture, &unowned, nullptr);
    if (failed != 0) return undecodable(which);
    const VipsImageHandle flat(unowned);
    std::size_t size = 0;
    const VipsMemory memory(vips_image_write_to_memory(flat.get(), &size));
    const std::uint64_t wanted = std::uint64_t{side(flat->Xsize)} * side(flat->Ysize) * 3;
    if (!memory || flat->BandFmt != VIPS_FORMAT_UCHAR || size != wanted) return undecodable(which);
    const auto* bytes = static_cast<const std::uint8_t*>(memory.get());
    return Bytes(bytes, bytes + size);
}

Result<PictureComparison> compare_over(VipsImage* a, VipsImage* b, double background) {
    const Result<Bytes> first = samples_over(a, background, kNames[0]);
    if (!first) return first.error();
    const Result<Bytes> second = samples_over(b, background, kNames[1]);
    if (!second) return second.error();
    return compare_pictures(*first, *second, side(a->Xsize), side(a->Ysize), 3, ScoreColors::kRgb,
                            ScoreChroma::kFullSize);
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
    Result<PictureComparison> over_black = compare_over(p, q, 0);
    if (!over_black || (vips_image_hasalpha(p) == 0 && vips_image_hasalpha(q) == 0)) return over_black;
    Result<PictureComparison> over_white = compare_over(p, q, 255);
    return over_white && over_white->score > over_black->score ? over_black : over_white;
}

std::string worst_tile_text(const PictureComparison& c) {
    return fmt::format("worst tile at {},{}: {:.2f} (luma {:.2f}, Cb {:.2f}, Cr {:.2f})", c.worst_x,
                       c.worst_y, c.worst_distance, c.worst_channels[0], c.worst_channels[1],
                       c.worst_channels[2]);
}

}  // namespace optimilter
