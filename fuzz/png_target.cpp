// SPDX-License-Identifier: Apache-2.0
//
// A PNG file through the driver. Promises: libpng, given both whole files with all their chunks, shows the
// same 16-bit RGBA samples before and after where no loss was claimed, and the same size in any case; a
// second pass changes nothing.
#include <png.h>

#include <optional>
#include <vector>

#include "fuzz/optimized.hpp"

namespace optimilter::fuzz {

namespace {

struct Pixels {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    Bytes samples;
    friend bool operator==(const Pixels&, const Pixels&) = default;
};

struct Source {
    ByteView rest;
};

void give_bytes(png_structp png, png_bytep to, std::size_t size) {
    auto* const source = static_cast<Source*>(png_get_io_ptr(png));
    if (size > source->rest.size()) png_error(png, "end of file");
    std::copy_n(source->rest.begin(), size, to);
    source->rest = source->rest.subspan(size);
}

void be_quiet(png_structp, png_const_charp) {}

// libpng leaves by longjmp: everything that needs a destructor lives outside of these two.
bool read_start(png_structp png, png_infop info, Pixels& pixels, std::size_t& row_bytes) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_info(png, info);
    png_set_expand_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xFFFF, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    pixels.width = png_get_image_width(png, info);
    pixels.height = png_get_image_height(png, info);
    row_bytes = png_get_rowbytes(png, info);
    return true;
}
bool read_rows(png_structp png, png_bytep* rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
}

std::optional<Pixels> pixels_by_libpng(ByteView file) {
    Source source{file};
    Pixels pixels;
    std::size_t row_bytes = 0;
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, be_quiet, be_quiet);
    png_infop info = png_create_info_struct(png);
    png_set_read_fn(png, &source, give_bytes);
    bool good =
        read_start(png, info, pixels, row_bytes) && std::uint64_t{row_bytes} * pixels.height < (8u << 20);
    if (good) {
        pixels.samples.resize(row_bytes * pixels.height);
        std::vector<png_bytep> rows;
        for (std::uint32_t y = 0; y < pixels.height; ++y)
            rows.push_back(pixels.samples.data() + y * row_bytes);
        good = read_rows(png, rows.data());
    }
    png_destroy_read_struct(&png, &info, nullptr);
    return good ? std::optional<Pixels>(std::move(pixels)) : std::nullopt;
}

void run(ByteView file) {
    if (!starts_with(file, "\x89PNG")) return;
    const Options options = small_options(hash_of(file) & 1);
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) return;
    const auto before = pixels_by_libpng(file);
    const auto after = pixels_by_libpng(result.output);
    promise(after.has_value(), "libpng reads the result");
    if (before) {
        promise(before->width == after->width && before->height == after->height, "the size stays");
        promise(result.score || *before == *after, "the samples stay");
    }
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
