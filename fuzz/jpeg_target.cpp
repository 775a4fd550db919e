// SPDX-License-Identifier: Apache-2.0
//
// A JPEG file through the driver. Promises: libjpeg, set up here and forgiving as viewers are, decodes the
// same pixels before and after where no loss was claimed; all segments stay then; a second pass changes
// nothing.
#include <cstdio>
// jpeglib.h needs the one above.
#include <jpeglib.h>

#include <csetjmp>
#include <optional>

#include "fuzz/optimized.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"

namespace optimilter::fuzz {

namespace {

struct Errors {
    jpeg_error_mgr manager;
    std::jmp_buf jump;
};

void leave(j_common_ptr state) {
    std::longjmp(reinterpret_cast<Errors*>(state->err)->jump, 1);
}
void be_quiet(j_common_ptr) {}

// libjpeg leaves by longjmp: everything that needs a destructor lives outside of these two.
bool start(jpeg_decompress_struct& state, Errors& errors, ByteView file) {
    if (setjmp(errors.jump)) return false;
    jpeg_create_decompress(&state);
    jpeg_mem_src(&state, file.data(), file.size());
    jpeg_read_header(&state, TRUE);
    jpeg_start_decompress(&state);
    return true;
}
bool read_rows(jpeg_decompress_struct& state, Errors& errors, std::uint8_t* to, std::size_t row_bytes) {
    if (setjmp(errors.jump)) return false;
    while (state.output_scanline < state.output_height) {
        JSAMPROW row = to + state.output_scanline * row_bytes;
        jpeg_read_scanlines(&state, &row, 1);
    }
    jpeg_finish_decompress(&state);
    return true;
}

std::optional<Bytes> pixels_by_libjpeg(ByteView file) {
    jpeg_decompress_struct state{};
    Errors errors{};
    state.err = jpeg_std_error(&errors.manager);
    errors.manager.error_exit = leave;
    errors.manager.output_message = be_quiet;
    Bytes pixels;
    bool good = start(state, errors, file);
    if (good) {
        const std::size_t row_bytes =
            std::size_t{state.output_width} * static_cast<std::size_t>(state.output_components);
        pixels.resize(row_bytes * state.output_height);
        good = read_rows(state, errors, pixels.data(), row_bytes);
    }
    jpeg_destroy_decompress(&state);
    return good ? std::optional<Bytes>(std::move(pixels)) : std::nullopt;
}

void check_without_loss(ByteView before, ByteView after, const Options& options) {
    const auto a = pixels_by_libjpeg(before);
    const auto b = pixels_by_libjpeg(after);
    promise(b.has_value(), "libjpeg reads the result");
    promise(!a || *a == *b, "the pixels stay");
    if (options.lossy) return;
    const auto markers_before = parse_jpeg_markers(before);
    const auto markers_after = parse_jpeg_markers(after);
    promise(markers_before && markers_after, "both have a sound structure");
    promise(jpeg_segments(before, *markers_before) == jpeg_segments(after, *markers_after),
            "all segments stay");
}

void run(ByteView file) {
    if (!starts_with(file, "\xFF\xD8\xFF")) return;
    const std::uint64_t hash = hash_of(file);
    Options options = small_options(hash & 1);
    options.jpeg_progressive = hash & 2;
    options.keep_gps = hash & 4;
    options.max_side_px = hash & 8 ? 100 : 0;
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) return;
    if (!result.score) check_without_loss(file, result.output, options);
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
