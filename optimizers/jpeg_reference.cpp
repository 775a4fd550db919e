// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_reference.hpp"

#include <vips/vips.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "optimizers/c_handles.hpp"

namespace optimilter {

namespace {

// As libvips does when it shrinks on load: the inverse DCT halves as long as a factor of two is left for the
// proper filter.
unsigned shrink_on_load(std::uint32_t from, std::uint32_t to) {
    unsigned denominator = 1;
    while (denominator < 8 && from / (denominator * 2) >= 2 * to) denominator *= 2;
    return denominator;
}

// Called by libvips while it computes; killing the image makes the evaluation fail.
void stop_at_deadline(VipsImage* image, VipsProgress*, Deadline* deadline) {
    if (deadline->expired()) vips_image_set_kill(image, TRUE);
}

Error vips_failure(Deadline deadline) {
    vips_error_clear();
    if (deadline.expired()) return {ErrorCode::kDeadline, "deadline"};
    return {ErrorCode::kLimit, "scaling failed"};
}

Result<JpegPixels> scaled(const JpegPixels& from, PictureSize to, Deadline deadline) {
    const VipsImageHandle source(vips_image_new_from_memory(
        from.samples.data(), from.samples.size(), static_cast<int>(from.width), static_cast<int>(from.height),
        static_cast<int>(from.channels), VIPS_FORMAT_UCHAR));
    if (!source) return vips_failure(deadline);
    VipsImage* unowned = nullptr;
    const double across = static_cast<double>(to.width) / from.width;
    const double down = static_cast<double>(to.height) / from.height;
    if (vips_resize(source.get(), &unowned, across, "vscale", down, nullptr) != 0)
        return vips_failure(deadline);
    const VipsImageHandle result(unowned);
    vips_image_set_progress(result.get(), TRUE);
    g_signal_connect(result.get(), "eval", G_CALLBACK(stop_at_deadline), &deadline);
    std::size_t size = 0;
    const VipsMemory samples(vips_image_write_to_memory(result.get(), &size));
    if (!samples) return vips_failure(deadline);
    if (size != std::size_t{to.width} * to.height * from.channels)
        return Error{ErrorCode::kInternal, "scaling missed the size"};
    const auto* bytes = static_cast<const std::uint8_t*>(samples.get());
    return JpegPixels{to.width, to.height, from.channels, Bytes(bytes, bytes + size)};
}

}  // namespace

PictureSize jpeg_target_size(const JpegMarkers& markers, const Options& options, int depth,
                             bool pixels_are_referenced) {
    const std::uint32_t side = std::max(markers.width, markers.height);
    const bool scale = options.lossy && depth == 0 && !pixels_are_referenced && options.max_side_px != 0 &&
                       side > options.max_side_px;
    if (!scale) return {markers.width, markers.height};
    const auto shrunk = [&](std::uint32_t length) {
        const std::uint64_t scaled_up = std::uint64_t{length} * options.max_side_px;
        return std::max<std::uint32_t>(1, static_cast<std::uint32_t>((scaled_up + side / 2) / side));
    };
    return {shrunk(markers.width), shrunk(markers.height)};
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
    return scaled(*pixels, target, deadline);
}

}  // namespace optimilter
