// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_encoder.hpp"

#include <iterator>
#include <utility>

namespace optimilter {

namespace {

void destination_ready(j_compress_ptr) {}

boolean destination_full(j_compress_ptr state) {
    JpegErrors::leave(reinterpret_cast<j_common_ptr>(state), ErrorCode::kRefused, "not smaller");
}

void set_sampling(jpeg_compress_struct& state, ChromaSampling sampling) {
    if (state.num_components != 3) return;
    state.comp_info[0].h_samp_factor = sampling == ChromaSampling::k444 ? 1 : 2;
    state.comp_info[0].v_samp_factor = sampling == ChromaSampling::k420 ? 2 : 1;
    for (int c = 1; c < 3; ++c) {
        state.comp_info[c].h_samp_factor = 1;
        state.comp_info[c].v_samp_factor = 1;
    }
}

}  // namespace

JpegEncoder::JpegEncoder(std::size_t limit_bytes, Deadline deadline) : output_(limit_bytes) {
    errors_.watch(state_, deadline);
}

JpegEncoder::~JpegEncoder() {
    jpeg_destroy_compress(&state_);
}

void JpegEncoder::set_destination() {
    destination_.next_output_byte = output_.data();
    destination_.free_in_buffer = output_.size();
    destination_.init_destination = destination_ready;
    destination_.empty_output_buffer = destination_full;
    destination_.term_destination = destination_ready;
    state_.dest = &destination_;
}

bool JpegEncoder::create() {
    if (output_.empty()) {
        errors_.code = ErrorCode::kRefused;
        return false;
    }
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_create_compress(&state_);
    errors_.watch_progress(state_);
    set_destination();
    return true;
}

bool JpegEncoder::finish() {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_finish_compress(&state_);
    return true;
}

Result<Bytes> JpegEncoder::taken() {
    output_.resize(output_.size() - destination_.free_in_buffer);
    return std::move(output_);
}

bool JpegEncoder::set_pixels(const JpegPixels& pixels, int quality, ChromaSampling sampling) {
    if (setjmp(errors_.escape) != 0) return false;
    state_.image_width = pixels.width;
    state_.image_height = pixels.height;
    state_.input_components = static_cast<int>(pixels.channels);
    state_.in_color_space = pixels.channels == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
    jpeg_set_defaults(&state_);
    jpeg_set_quality(&state_, quality, TRUE);
    set_sampling(state_, sampling);
    state_.write_JFIF_header = FALSE;
    jpeg_start_compress(&state_, TRUE);
    return true;
}

bool JpegEncoder::write_pixels(const std::uint8_t* from, std::size_t stride) {
    if (setjmp(errors_.escape) != 0) return false;
    while (state_.next_scanline < state_.image_height) {
        // libjpeg takes samples as non-const and does not write them.
        JSAMPROW row = const_cast<JSAMPROW>(from + state_.next_scanline * stride);
        jpeg_write_scanlines(&state_, &row, 1);
    }
    return true;
}

Result<Bytes> JpegEncoder::encode(const JpegPixels& pixels, int quality, ChromaSampling sampling) {
    if (!create() || !set_pixels(pixels, quality, sampling)) return errors_.error();
    const std::size_t stride = std::size_t{pixels.width} * pixels.channels;
    if (!write_pixels(pixels.samples.data(), stride) || !finish()) return errors_.error();
    return taken();
}

}  // namespace optimilter
