// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_decoder.hpp"

#include <algorithm>
#include <cstring>

namespace optimilter {

namespace {

// Four lanes, so that the multiplications overlap: near the speed of memory. Each step is a bijection of its
// lane, so a change of any one word always changes the digest.
void mix(std::array<std::uint64_t, 4>& lanes, const JCOEF* block) {
    std::uint64_t words[16];
    static_assert(sizeof words == sizeof(JBLOCK));
    std::memcpy(words, block, sizeof words);
    for (std::size_t i = 0; i < 16; ++i) {
        std::uint64_t& lane = lanes[i % 4];
        lane = (lane ^ words[i]) * 0x9E3779B97F4A7C15ull;
        lane ^= lane >> 29;
    }
}

J_COLOR_SPACE libjpeg_colors(JpegColors colors) {
    if (colors == JpegColors::kGray) return JCS_GRAYSCALE;
    return colors == JpegColors::kYCbCr ? JCS_YCbCr : JCS_RGB;
}

}  // namespace

JpegDecoder::JpegDecoder(ByteView input, Deadline deadline) : input_(input) {
    errors_.watch(state_, deadline);
}

JpegDecoder::~JpegDecoder() {
    jpeg_destroy_decompress(&state_);
}

bool JpegDecoder::create() {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_create_decompress(&state_);
    errors_.watch_progress(state_);
    jpeg_mem_src(&state_, input_.data(), input_.size());
    return true;
}

bool JpegDecoder::header() {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_read_header(&state_, TRUE);
    return true;
}

Status JpegDecoder::read_header() {
    if (!create() || !header()) return errors_.error();
    return Success{};
}

bool JpegDecoder::decode_coefficients() {
    if (setjmp(errors_.escape) != 0) return false;
    arrays_ = jpeg_read_coefficients(&state_);
    return arrays_ != nullptr;
}

bool JpegDecoder::progressive_complete() const {
    if (state_.coef_bits == nullptr) return true;
    for (int c = 0; c < state_.num_components; ++c) {
        for (int k = 0; k < DCTSIZE2; ++k) {
            if (state_.coef_bits[c][k] != 0) return false;
        }
    }
    return true;
}

Status JpegDecoder::read_coefficients() {
    if (!decode_coefficients()) return errors_.error();
    if (!progressive_complete()) return Error{ErrorCode::kUnsupported, "progressive file without all scans"};
    return Success{};
}

bool JpegDecoder::digest_rows(int component, JpegSummary::Component& into) {
    if (setjmp(errors_.escape) != 0) return false;
    const jpeg_component_info& shape = state_.comp_info[component];
    for (JDIMENSION row = 0; row < shape.height_in_blocks; ++row) {
        const JBLOCKARRAY blocks = state_.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&state_),
                                                                  arrays_[component], row, 1, FALSE);
        for (JDIMENSION column = 0; column < shape.width_in_blocks; ++column)
            mix(into.digest, blocks[0][column]);
    }
    return true;
}

Result<JpegSummary> JpegDecoder::summary() {
    JpegSummary summary{state_.image_width, state_.image_height, state_.jpeg_color_space, {}};
    for (int c = 0; c < state_.num_components; ++c) {
        const jpeg_component_info& shape = state_.comp_info[c];
        JpegSummary::Component component{
            shape.component_id, shape.h_samp_factor, shape.v_samp_factor, {}, {}};
        if (shape.quant_table == nullptr) return Error{ErrorCode::kMalformed, "no quantisation table"};
        std::copy_n(shape.quant_table->quantval, 64, component.quant.begin());
        if (!digest_rows(c, component)) return errors_.error();
        summary.components.push_back(component);
    }
    return summary;
}

// libjpeg-turbo keeps the whole picture in memory (it has no backing store), so that rows stay where they
// are.
bool JpegDecoder::row_pointers(int component, const std::int16_t** rows) {
    if (setjmp(errors_.escape) != 0) return false;
    const JDIMENSION count = state_.comp_info[component].height_in_blocks;
    for (JDIMENSION row = 0; row < count; ++row) {
        rows[row] = state_.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&state_),
                                                   arrays_[component], row, 1, FALSE)[0][0];
    }
    return true;
}

Result<JpegCoefficients> JpegDecoder::coefficients() {
    JpegCoefficients picture{state_.image_width, state_.image_height, {}};
    for (int c = 0; c < state_.num_components; ++c) {
        const jpeg_component_info& shape = state_.comp_info[c];
        if (shape.quant_table == nullptr) return Error{ErrorCode::kMalformed, "no quantisation table"};
        JpegPlane plane;
        plane.id = static_cast<std::uint8_t>(shape.component_id);
        plane.horizontal = static_cast<std::uint8_t>(shape.h_samp_factor);
        plane.vertical = static_cast<std::uint8_t>(shape.v_samp_factor);
        plane.width_in_blocks = shape.width_in_blocks;
        std::copy_n(shape.quant_table->quantval, 64, plane.quant.begin());
        plane.rows.resize(shape.height_in_blocks);
        if (!row_pointers(c, plane.rows.data())) return errors_.error();
        picture.planes.push_back(std::move(plane));
    }
    return picture;
}

bool JpegDecoder::start(J_COLOR_SPACE colors, unsigned scale_denominator) {
    if (setjmp(errors_.escape) != 0) return false;
    state_.out_color_space = colors;
    state_.scale_num = 1;
    state_.scale_denom = scale_denominator;
    return jpeg_start_decompress(&state_) == TRUE;
}

bool JpegDecoder::rows(std::uint8_t* to, std::size_t stride, JDIMENSION begin, JDIMENSION end) {
    if (setjmp(errors_.escape) != 0) return false;
    while (state_.output_scanline < end) {
        JSAMPROW row = to + (state_.output_scanline - begin) * stride;
        jpeg_read_scanlines(&state_, &row, 1);
    }
    if (state_.output_scanline == state_.output_height) jpeg_finish_decompress(&state_);
    return true;
}

Result<JpegShape> JpegDecoder::start_pixels(JpegColors colors, unsigned scale_denominator) {
    if (!start(libjpeg_colors(colors), scale_denominator)) return errors_.error();
    if (!progressive_complete()) return Error{ErrorCode::kUnsupported, "progressive file without all scans"};
    return JpegShape{state_.output_width, state_.output_height,
                     static_cast<std::uint32_t>(state_.output_components)};
}

Status JpegDecoder::next_rows(std::uint8_t* to, std::uint32_t count) {
    const auto channels = static_cast<std::size_t>(state_.output_components);
    const JDIMENSION begin = state_.output_scanline;
    if (!rows(to, state_.output_width * channels, begin, begin + count)) return errors_.error();
    return Success{};
}

Result<JpegPixels> JpegDecoder::read_pixels(JpegColors colors, unsigned scale_denominator) {
    const Result<JpegShape> shape = start_pixels(colors, scale_denominator);
    if (!shape) return shape.error();
    JpegPixels pixels{shape->width, shape->height, shape->channels, {}};
    pixels.samples.resize(std::size_t{pixels.width} * pixels.channels * pixels.height);
    if (Status status = next_rows(pixels.samples.data(), pixels.height); !status) return status.error();
    return pixels;
}

}  // namespace optimilter
