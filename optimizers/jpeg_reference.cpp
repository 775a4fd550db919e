// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_reference.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/picture_resize.hpp"

namespace optimilter {

namespace {

// As libvips does when it shrinks on load: the inverse DCT halves as long as a factor of two is left for the
// proper filter.
unsigned shrink_on_load(std::uint32_t from, std::uint32_t to) {
    unsigned denominator = 1;
    while (denominator < 8 && from / (denominator * 2) >= 2 * to) denominator *= 2;
    return denominator;
}

}  // namespace

Result<JpegPixels> scale_pixels(const JpegPixels& from, PictureSize to, Deadline deadline) {
    Result<Bytes> samples =
        resize_samples(from.samples, {from.width, from.height}, from.channels, to, deadline);
    if (!samples) return samples.error();
    return JpegPixels{to.width, to.height, from.channels, std::move(*samples)};
}

PictureSize jpeg_target_size(const JpegMarkers& markers, const Context& context, bool turned,
                             bool pixels_are_referenced) {
    const PictureSize own{markers.width, markers.height};
    const Options& options = context.options;
    if (!options.lossy || pixels_are_referenced) return own;
    if (context.depth > 0) return size_for_use(own, context.use, turned);
    const std::uint32_t side = std::max(own.width, own.height);
    if (options.max_side_px == 0 || side <= options.max_side_px) return own;
    const auto shrunk = [&](std::uint32_t length) {
        const std::uint64_t scaled_up = std::uint64_t{length} * options.max_side_px;
        return std::max<std::uint32_t>(1, static_cast<std::uint32_t>((scaled_up + side / 2) / side));
    };
    return {shrunk(own.width), shrunk(own.height)};
}

Options jpeg_coding_options(const JpegMarkers& markers, const Context& context, PictureSize target) {
    constexpr std::uint8_t kCutQualityMax = 92;
    const bool scaled = target != PictureSize{markers.width, markers.height};
    Options options = context.options;
    if (context.depth > 0 && (scaled || is_cut_to_use(target, context.use)))
        options.jpeg_quality_max = std::max(options.jpeg_quality_max, kCutQualityMax);
    return options;
}

Result<JpegPixels> jpeg_reference(ByteView input, PictureSize target, JpegColors colors, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    if (colors != JpegColors::kGray && decoder.state().jpeg_color_space != JCS_YCbCr)
        return Error{ErrorCode::kUnsupported, "colours other than YCbCr"};
    const std::uint32_t from = std::max(decoder.state().image_width, decoder.state().image_height);
    const unsigned denominator = shrink_on_load(from, std::max(target.width, target.height));
    Result<JpegPixels> pixels = decoder.read_pixels(colors, denominator);
    if (!pixels) return pixels;
    if (PictureSize{pixels->width, pixels->height} == target) return pixels;
    return scale_pixels(*pixels, target, deadline);
}

}  // namespace optimilter
