// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_encoder.hpp"

#include <iterator>
#include <utility>

namespace optimilter {

namespace {

// The conventional kind of script (spectral selection first, then successive approximation), because exotic
// ones trip old readers. Luma starts three bits down and is refined; chroma, which is mostly zeros, goes in
// one step: that is smaller than refining it as well, and spares writer, check and reader four scans.
constexpr jpeg_scan_info kColorScript[] = {
    {1, {0}, 0, 0, 0, 0},  {2, {1, 2}, 0, 0, 0, 0}, {1, {0}, 1, 8, 0, 3},  {1, {0}, 9, 63, 0, 3},
    {1, {1}, 1, 8, 0, 0},  {1, {2}, 1, 8, 0, 0},    {1, {0}, 1, 63, 3, 2}, {1, {1}, 9, 63, 0, 0},
    {1, {2}, 9, 63, 0, 0}, {1, {0}, 1, 63, 2, 1},   {1, {0}, 1, 63, 1, 0},
};

constexpr jpeg_scan_info kGrayScript[] = {
    {1, {0}, 0, 0, 0, 0},  {1, {0}, 1, 8, 0, 3},  {1, {0}, 9, 63, 0, 3},
    {1, {0}, 1, 63, 3, 2}, {1, {0}, 1, 63, 2, 1}, {1, {0}, 1, 63, 1, 0},
};

void set_scan_script(jpeg_compress_struct& state) {
    if (state.jpeg_color_space == JCS_YCbCr) {
        state.scan_info = kColorScript;
        state.num_scans = static_cast<int>(std::size(kColorScript));
    } else if (state.num_components == 1) {
        state.scan_info = kGrayScript;
        state.num_scans = static_cast<int>(std::size(kGrayScript));
    } else {
        jpeg_simple_progression(&state);
    }
}

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

bool JpegEncoder::begin_transcode(JpegDecoder& source, bool progressive) {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_copy_critical_parameters(&source.state_, &state_);
    state_.optimize_coding = TRUE;
    if (progressive) set_scan_script(state_);
    // The original's own JFIF and Adobe segments are among the caller's.
    state_.write_JFIF_header = FALSE;
    state_.write_Adobe_marker = FALSE;
    jpeg_write_coefficients(&state_, source.arrays_);
    return true;
}

bool JpegEncoder::write_segment(const JpegSegmentBytes& segment) {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_write_marker(&state_, segment.marker, segment.payload.data(),
                      static_cast<unsigned>(segment.payload.size()));
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

Result<Bytes> JpegEncoder::transcode(JpegDecoder& source, const std::vector<JpegSegmentBytes>& segments,
                                     bool progressive) {
    if (!create() || !begin_transcode(source, progressive)) return errors_.error();
    for (const JpegSegmentBytes& segment : segments) {
        if (!write_segment(segment)) return errors_.error();
    }
    if (!finish()) return errors_.error();
    return taken();
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
