// SPDX-License-Identifier: Apache-2.0
//
// A TIFF file through the driver. Promises: libtiff's own RGBA view, which no optimizer uses, shows the same
// pages before and after; a second pass changes nothing.
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "fuzz/optimized.hpp"

namespace optimilter::fuzz {

namespace {

struct Source {
    ByteView bytes;
    std::size_t at = 0;
};

extern "C" {
tmsize_t source_read(thandle_t handle, void* to, tmsize_t size) {
    auto* const source = static_cast<Source*>(handle);
    if (size < 0 || source->at >= source->bytes.size()) return 0;
    const std::size_t count = std::min(static_cast<std::size_t>(size), source->bytes.size() - source->at);
    std::memcpy(to, source->bytes.data() + source->at, count);
    source->at += count;
    return static_cast<tmsize_t>(count);
}
tmsize_t source_write(thandle_t, void*, tmsize_t) {
    return 0;
}
toff_t source_seek(thandle_t handle, toff_t offset, int whence) {
    auto* const source = static_cast<Source*>(handle);
    const std::size_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source->at : source->bytes.size();
    source->at = base + static_cast<std::size_t>(offset);
    return source->at;
}
int source_close(thandle_t) {
    return 0;
}
toff_t source_size(thandle_t handle) {
    return static_cast<Source*>(handle)->bytes.size();
}
}

// The pages as far as libtiff shows them; a page it does not show has no pixels.
std::vector<std::vector<std::uint32_t>> pages_of(ByteView file) {
    constexpr std::uint64_t kMostPixels = 256 * 1024;
    TIFFSetErrorHandler(nullptr);
    TIFFSetWarningHandler(nullptr);
    std::vector<std::vector<std::uint32_t>> pages;
    Source source{file};
    TIFF* const tiff = TIFFClientOpen("", "rm", &source, source_read, source_write, source_seek, source_close,
                                      source_size, nullptr, nullptr);
    if (tiff == nullptr) return pages;
    do {
        std::uint32_t width = 0;
        std::uint32_t height = 0;
        TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
        TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
        std::vector<std::uint32_t> pixels;
        if (std::uint64_t{width} * height <= kMostPixels) pixels.resize(std::size_t{width} * height);
        if (pixels.empty() || !TIFFReadRGBAImage(tiff, width, height, pixels.data(), 1)) pixels.clear();
        pages.push_back(std::move(pixels));
    } while (TIFFReadDirectory(tiff));
    TIFFClose(tiff);
    return pages;
}

void run(ByteView file) {
    if (sniff(file) != Format::kTiff) return;
    const Options options = small_options(hash_of(file) & 1);
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) return;
    promise(!result.score, "TIFF stays without loss");
    const auto before = pages_of(file);
    const auto after = pages_of(result.output);
    promise(before.size() == after.size(), "all pages stay");
    for (std::size_t i = 0; i < before.size(); ++i)
        promise(before[i].empty() || before[i] == after[i], "the samples stay");
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
