// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_encoder.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/jpeg_coding.hpp"
#include "optimizers/jpeg_quality.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLearningBlocks = 1024;

}  // namespace

Status JpegEncoder::quantize_plane(const JpegSamplePlane& samples, const JpegQuantTable& steps,
                                   std::vector<std::int16_t>& blocks) const {
    JpegQuantizer quantizer(steps);
    const std::size_t all = std::size_t{samples.width_in_blocks} * samples.height_in_blocks;
    JpegDctBlock dct;
    if (trellis_) {
        // An odd step, so that no column of blocks is met again and again.
        const std::size_t stride = std::max<std::size_t>(1, all / kLearningBlocks) | 1;
        for (std::size_t i = 0; i < all; i += stride) {
            jpeg_forward_dct(samples.block(i % samples.width_in_blocks, i / samples.width_in_blocks),
                             samples.stride(), dct);
            quantizer.add_sample(dct);
        }
        quantizer.learn();
    }
    blocks.resize(all * 64);
    std::int16_t* to = blocks.data();
    for (std::size_t row = 0; row < samples.height_in_blocks; ++row) {
        if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        for (std::size_t column = 0; column < samples.width_in_blocks; ++column, to += 64) {
            jpeg_forward_dct(samples.block(column, row), samples.stride(), dct);
            if (trellis_) {
                quantizer.quantize(dct, to);
            } else {
                quantizer.round(dct, to);
            }
        }
    }
    return Success{};
}

Status JpegEncoder::add_plane(const JpegPixels& pixels, std::uint32_t channel, int quality,
                              ChromaSampling sampling) {
    const bool luma = channel == 0;
    const unsigned across = pixels.channels == 1 || sampling == ChromaSampling::k444 ? 1 : 2;
    const unsigned down = pixels.channels == 1 || sampling != ChromaSampling::k420 ? 1 : 2;
    const JpegSamplePlane samples = jpeg_sample_plane(pixels, channel, luma ? 1 : across, luma ? 1 : down);
    JpegPlane plane;
    plane.id = static_cast<std::uint8_t>(channel + 1);
    plane.horizontal = static_cast<std::uint8_t>(luma ? across : 1);
    plane.vertical = static_cast<std::uint8_t>(luma ? down : 1);
    plane.width_in_blocks = samples.width_in_blocks;
    plane.quant = jpeg_quality_table(quality, luma ? JpegBaseTable::kOwnLuma : JpegBaseTable::kOwnChroma);
    std::vector<std::int16_t>& blocks = encoded_.blocks.emplace_back();
    if (Status status = quantize_plane(samples, plane.quant, blocks); !status) return status;
    for (std::size_t row = 0; row < samples.height_in_blocks; ++row)
        plane.rows.push_back(blocks.data() + row * samples.width_in_blocks * 64);
    encoded_.picture.planes.push_back(std::move(plane));
    return Success{};
}

Status JpegEncoder::quantize(const JpegPixels& pixels, int quality, ChromaSampling sampling) {
    encoded_ = {};
    encoded_.picture = {pixels.width, pixels.height, {}};
    for (std::uint32_t channel = 0; channel < pixels.channels; ++channel) {
        if (Status status = add_plane(pixels, channel, quality, sampling); !status) return status;
    }
    return Success{};
}

Result<Bytes> JpegEncoder::encode(const JpegPixels& pixels, int quality, ChromaSampling sampling) {
    if (Status status = quantize(pixels, quality, sampling); !status) return status.error();
    return code_jpeg_sequential(encoded_.picture, {}, JpegTables::kStandard, limit_bytes_, deadline_);
}

}  // namespace optimilter
