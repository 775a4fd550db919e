// SPDX-License-Identifier: Apache-2.0
//
// JPEG files as most programs write them: by libjpeg, with the quantisation tables of T.81 Annex K.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>
// jpeglib.h needs the first two.
#include <jpeglib.h>

#include "optimizers/jpeg_decoder.hpp"

namespace optimilter::pictures {

// Sequential. pixels: gray.
inline std::string annex_k_jpeg(const JpegPixels& pixels, int quality) {
    jpeg_compress_struct state{};
    jpeg_error_mgr errors{};
    state.err = ::jpeg_std_error(&errors);
    ::jpeg_create_compress(&state);
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    ::jpeg_mem_dest(&state, &bytes, &size);
    state.image_width = pixels.width;
    state.image_height = pixels.height;
    state.input_components = 1;
    state.in_color_space = JCS_GRAYSCALE;
    ::jpeg_set_defaults(&state);
    ::jpeg_set_quality(&state, quality, TRUE);
    ::jpeg_start_compress(&state, TRUE);
    for (unsigned y = 0; y < pixels.height; ++y) {
        JSAMPROW row = const_cast<JSAMPROW>(pixels.samples.data()) + std::size_t{y} * pixels.width;
        ::jpeg_write_scanlines(&state, &row, 1);
    }
    ::jpeg_finish_compress(&state);
    ::jpeg_destroy_compress(&state);
    std::string file(reinterpret_cast<const char*>(bytes), size);
    std::free(bytes);
    return file;
}

}  // namespace optimilter::pictures
