// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_reference.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/picture_resize.hpp"
#include "optimizers/picture_shrink.hpp"
#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

// The inverse DCT halves as long as this much is left for the proper filter, which takes away what halving
// in blocks of 8x8 leaves near the shortest waves.
constexpr double kLeastLeft = 1.4;

unsigned shrink_on_load(std::uint32_t from, std::uint32_t to) {
    unsigned denominator = 1;
    while (denominator < 8 && from / (denominator * 2) >= kLeastLeft * to) denominator *= 2;
    return denominator;
}

// Rows at a time: a few, so that they stay near, and as many as the decoder makes at once.
constexpr std::uint32_t kRowsAtOnce = 16;

// The rest of the way to the target size, without ever holding the decoded picture.
Result<JpegPixels> read_scaled(JpegDecoder& decoder, const JpegShape& shape, PictureSize target,
                               ShrinkColors colors, Deadline deadline) {
    PictureShrinker<std::uint8_t> shrinker({shape.width, shape.height}, shape.channels, target, colors);
    const std::size_t stride = std::size_t{shape.width} * shape.channels;
    Bytes rows(stride * kRowsAtOnce);
    for (std::uint32_t y = 0; y < shape.height; y += kRowsAtOnce) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        const std::uint32_t count = std::min(kRowsAtOnce, shape.height - y);
        if (Status status = decoder.next_rows(rows.data(), count); !status) return status.error();
        for (std::uint32_t i = 0; i < count; ++i) shrinker.add_row(rows.data() + i * stride);
    }
    return JpegPixels{target.width, target.height, shape.channels, shrinker.take()};
}

OPTIMILTER_INLINE std::uint8_t clipped(int value) {
    return static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// BT.601 in full range, as JFIF has it, with 16 bits of fraction.
OPTIMILTER_INLINE void any_to_rgb(const std::uint8_t* __restrict from, std::size_t pixels,
                                  std::uint8_t* __restrict to) {
    constexpr int kHalf = 1 << 15;
    for (std::size_t i = 0; i < pixels; ++i) {
        const int y = from[3 * i];
        const int cb = from[3 * i + 1] - 128;
        const int cr = from[3 * i + 2] - 128;
        to[3 * i] = clipped(y + ((91881 * cr + kHalf) >> 16));
        to[3 * i + 1] = clipped(y + ((-22554 * cb - 46802 * cr + kHalf) >> 16));
        to[3 * i + 2] = clipped(y + ((116130 * cb + kHalf) >> 16));
    }
}

void to_rgb_portably(const std::uint8_t* from, std::size_t pixels, std::uint8_t* to) {
    any_to_rgb(from, pixels, to);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void to_rgb_avx2(const std::uint8_t* from, std::size_t pixels, std::uint8_t* to) {
    any_to_rgb(from, pixels, to);
}
#endif

void to_rgb(const std::uint8_t* from, std::size_t pixels, std::uint8_t* to) {
#if defined(__x86_64__)
    if (has_avx2()) return to_rgb_avx2(from, pixels, to);
#endif
    to_rgb_portably(from, pixels, to);
}

PictureSize seen_size(const Context& context) {
    return {context.use.seen_width_px, context.use.seen_height_px};
}

bool is_larger(PictureSize size, PictureSize other) {
    return size.width > other.width && size.height > other.height;
}

}  // namespace

JpegPixels shown_pixels(const JpegPixels& ycbcr) {
    if (ycbcr.channels == 1) return ycbcr;
    JpegPixels rgb{ycbcr.width, ycbcr.height, 3, Bytes(ycbcr.samples.size())};
    to_rgb(ycbcr.samples.data(), rgb.samples.size() / 3, rgb.samples.data());
    return rgb;
}

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

PictureSize jpeg_seen_size(PictureSize target, const Context& context, bool turned) {
    const PictureSize seen = seen_size(context);
    if (is_larger(seen, target)) return seen;
    return size_for_use(target, {seen.width, seen.height}, turned);
}

Options jpeg_coding_options(const JpegMarkers& markers, const Context& context, PictureSize target) {
    constexpr std::uint8_t kCutQualityMax = 92;
    const bool scaled = target != PictureSize{markers.width, markers.height};
    Options options = context.options;
    // Office programs cut pictures to a use as well. So fine as ours may be, they count like any other; finer
    // ones become like ours.
    const bool kept = (is_cut_to_use(target, context.use) || is_larger(seen_size(context), target)) &&
                      (has_own_jpeg_table(markers) || estimate_jpeg_quality(markers) > kCutQualityMax);
    if (context.depth > 0 && (scaled || kept))
        options.jpeg_quality_max = std::max(options.jpeg_quality_max, kCutQualityMax);
    return options;
}

Result<JpegPixels> jpeg_reference(ByteView input, PictureSize target, JpegColors colors, Deadline deadline) {
    JpegDecoder decoder(input, deadline);
    if (Status status = decoder.read_header(); !status) return status.error();
    if (colors != JpegColors::kGray && decoder.state().jpeg_color_space != JCS_YCbCr)
        return Error{ErrorCode::kUnsupported, "colours other than YCbCr"};
    const PictureSize own{decoder.state().image_width, decoder.state().image_height};
    if (own == target) return decoder.read_pixels(colors);
    const unsigned denominator =
        shrink_on_load(std::max(own.width, own.height), std::max(target.width, target.height));
    // Decoders are quicker with RGB than with YCbCr; at another size the samples are new ones anyway.
    const bool ycbcr = colors == JpegColors::kYCbCr;
    const Result<JpegShape> shape = decoder.start_pixels(ycbcr ? JpegColors::kRgb : colors, denominator);
    if (!shape) return shape.error();
    return read_scaled(decoder, *shape, target, ycbcr ? ShrinkColors::kRgbToYCbCr : ShrinkColors::kKept,
                       deadline);
}

}  // namespace optimilter
