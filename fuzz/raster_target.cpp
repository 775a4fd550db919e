// SPDX-License-Identifier: Apache-2.0
//
// A byte of kind, then a BMP, TGA, PCX, SGI, PNM or Sun raster file. Promises: our header reader gives views
// into the file; our pixel reader gives as many samples as the header says, or an error. ImageMagick is not
// asked: it is no code of ours, and slow to fuzz.
#include "fuzz/fuzz_target.hpp"
#include "optimizers/rare_raster.hpp"

namespace optimilter::fuzz {

namespace {

bool lies_in(ByteView inner, ByteView outer) {
    return inner.empty() ||
           (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

void run(ByteView input) {
    constexpr Format kFormats[] = {Format::kBmp, Format::kTga, Format::kPcx,
                                   Format::kSgi, Format::kPnm, Format::kSunRaster};
    if (input.empty()) return;
    const Format format = kFormats[input[0] % std::size(kFormats)];
    // Of its exact size in memory, so that a read past its end is seen.
    const Bytes file(input.begin() + 1, input.end());
    const Result<RasterHeader> header = read_raster_header(format, file);
    if (!header) {
        promise(!header.error().text.empty(), "a refusal has a reason");
        return;
    }
    promise(header->width > 0 && header->height > 0, "a picture has pixels");
    promise(lies_in(header->pixels, file) && lies_in(header->palette, file) && lies_in(header->icc, file),
            "views lie in the file");
    if (header->area() > 128 * 1024) return;
    const Result<Bytes> rgba = read_raster(format, file, *header);
    promise(!rgba || rgba->size() == header->area() * 4, "every pixel is there");
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
