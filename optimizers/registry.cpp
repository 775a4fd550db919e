// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include "optimizers/formats.hpp"
#include "optimizers/optimize.hpp"

namespace optimilter {

namespace {

// The one list. To add a format: its .cpp, a row here, its test, its corpus files, its line in the man page.
constexpr Optimizer kOptimizers[] = {
    // name, format, container, optimize, verify
    {"jpeg", Format::kJpeg, false, optimize_jpeg, verify_jpeg},
    {"png", Format::kPng, false, optimize_png, verify_png},
    {"gif", Format::kGif, false, optimize_gif, verify_gif},
    {"tiff", Format::kTiff, false, optimize_tiff, verify_tiff},
    {"webp", Format::kWebp, false, optimize_webp, verify_webp},
    {"zip", Format::kZip, true, optimize_zip, verify_zip},
    {"ooxml", Format::kOoxml, true, optimize_zip, verify_zip},
    {"odf", Format::kOdf, true, optimize_zip, verify_zip},
    {"epub", Format::kEpub, true, optimize_zip, verify_zip},
    {"ole", Format::kOle, true, optimize_ole, verify_ole},
    {"tar", Format::kTar, true, optimize_tar, verify_tar},
    {"7z", Format::kSevenZip, true, optimize_seven_zip, verify_seven_zip},
    {"gzip", Format::kGzip, true, optimize_compressed, verify_compressed},
    {"bzip2", Format::kBzip2, true, optimize_compressed, verify_compressed},
    {"xz", Format::kXz, true, optimize_compressed, verify_compressed},
    {"zstd", Format::kZstd, true, optimize_compressed, verify_compressed},
    {"pdf", Format::kPdf, true, optimize_pdf, verify_pdf},
    {"bmp", Format::kBmp, false, optimize_raster<Format::kBmp>, verify_raster<Format::kBmp>},
    {"tga", Format::kTga, false, optimize_raster<Format::kTga>, verify_raster<Format::kTga>},
    {"pcx", Format::kPcx, false, optimize_raster<Format::kPcx>, verify_raster<Format::kPcx>},
    {"sgi", Format::kSgi, false, optimize_raster<Format::kSgi>, verify_raster<Format::kSgi>},
    {"pnm", Format::kPnm, false, optimize_raster<Format::kPnm>, verify_raster<Format::kPnm>},
    {"sunras", Format::kSunRaster, false, optimize_raster<Format::kSunRaster>,
     verify_raster<Format::kSunRaster>},
};

}  // namespace

const Optimizer* find_optimizer(Format format) {
    const auto row =
        std::find_if(std::begin(kOptimizers), std::end(kOptimizers),
                     [format](const Optimizer& optimizer) { return optimizer.format == format; });
    return row == std::end(kOptimizers) ? nullptr : row;
}

}  // namespace optimilter
