// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/text.hpp"
#include "optimizers/rare_raster.hpp"

// Its headers come last and unwarned: they do not pass our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <Magick++.h>
#pragma GCC diagnostic pop

namespace optimilter {

namespace {

struct Coder {
    Format format;
    const char* name;
};
constexpr Coder kCoders[] = {{Format::kBmp, "BMP"}, {Format::kTga, "TGA"}, {Format::kPcx, "PCX"},
                             {Format::kSgi, "SGI"}, {Format::kPnm, "PNM"}, {Format::kSunRaster, "SUN"}};

const char* coder_of(Format format) {
    for (const Coder& coder : kCoders)
        if (coder.format == format) return coder.name;
    return nullptr;
}

void set_limits() {
    Magick::ResourceLimits::thread(1);
    Magick::ResourceLimits::disk(0);
    Magick::ResourceLimits::map(0);
    Magick::ResourceLimits::memory(256u << 20);
    Magick::ResourceLimits::area(256u << 20);
    Magick::ResourceLimits::width(65535);
    Magick::ResourceLimits::height(65535);
}

}  // namespace

void initialize_magick() {
    Magick::InitializeMagick(nullptr);
    set_limits();
    // A coder is loaded when a file of its format is first read, however broken.
    for (const Coder& coder : kCoders) {
        try {
            constexpr std::array<char, 64> kNothing{};
            Magick::Image image;
            image.magick(coder.name);
            image.read(Magick::Blob(kNothing.data(), kNothing.size()));
        } catch (const Magick::Exception&) {
            continue;
        }
    }
}

Result<Bytes> read_raster_with_magick(Format format, ByteView file, const RasterHeader& header) {
    const char* const name = coder_of(format);
    if (name == nullptr) return Error{ErrorCode::kUnsupported, "no reader for this format"};
    try {
        Magick::Image image;
        image.quiet(false);
        image.read(Magick::Blob(file.data(), file.size()), Magick::Geometry(), 8, name);
        if (image.columns() != header.width || image.rows() != header.height)
            return Error{ErrorCode::kMalformed, "readers disagree about the size of the picture"};
        // Rows of a TGA come as they lie in the file, with a note which way round that is.
        if (image.orientation() == Magick::BottomLeftOrientation) image.flip();
        // Not "RGBA": what that gives for the alpha of a picture that has none is left over from other
        // things. All variants that come here are opaque.
        Bytes rgb(static_cast<std::size_t>(header.area()) * 3);
        image.write(0, 0, image.columns(), image.rows(), "RGB", Magick::CharPixel, rgb.data());
        Bytes rgba(static_cast<std::size_t>(header.area()) * 4, 255);
        for (std::size_t i = 0; i < header.area(); ++i) std::copy_n(&rgb[3 * i], 3, &rgba[4 * i]);
        return rgba;
    } catch (const Magick::Exception& error) {
        return Error{ErrorCode::kMalformed, fmt::format("ImageMagick: {}", printable(error.what()))};
    }
}

}  // namespace optimilter
