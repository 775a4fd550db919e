// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_resize.hpp"

#include <vips/vips.h>

#include <algorithm>
#include <vector>

#include "optimizers/c_handles.hpp"

namespace optimilter {

namespace {

// Called by libvips while it computes; killing the image makes the evaluation fail.
void stop_at_deadline(VipsImage* image, VipsProgress*, Deadline* deadline) {
    if (deadline->expired()) vips_image_set_kill(image, TRUE);
}

Error vips_failure(Deadline deadline) {
    vips_error_clear();
    if (deadline.expired()) return {ErrorCode::kDeadline, "deadline"};
    return {ErrorCode::kLimit, "scaling failed"};
}

// Sample: std::uint8_t or std::uint16_t.
template <typename Sample>
Result<std::vector<Sample>> resize(const Sample* samples, PictureSize from, unsigned channels, PictureSize to,
                                   Deadline deadline) {
    const std::size_t size = std::size_t{from.width} * from.height * channels * sizeof(Sample);
    const VipsImageHandle source(vips_image_new_from_memory(
        samples, size, static_cast<int>(from.width), static_cast<int>(from.height),
        static_cast<int>(channels), sizeof(Sample) == 1 ? VIPS_FORMAT_UCHAR : VIPS_FORMAT_USHORT));
    if (!source) return vips_failure(deadline);
    VipsImage* unowned = nullptr;
    const double across = static_cast<double>(to.width) / from.width;
    const double down = static_cast<double>(to.height) / from.height;
    if (vips_resize(source.get(), &unowned, across, "vscale", down, nullptr) != 0)
        return vips_failure(deadline);
    const VipsImageHandle result(unowned);
    vips_image_set_progress(result.get(), TRUE);
    g_signal_connect(result.get(), "eval", G_CALLBACK(stop_at_deadline), &deadline);
    std::size_t made = 0;
    const VipsMemory memory(vips_image_write_to_memory(result.get(), &made));
    if (!memory) return vips_failure(deadline);
    const std::size_t count = std::size_t{to.width} * to.height * channels;
    if (made != count * sizeof(Sample)) return Error{ErrorCode::kInternal, "scaling missed the size"};
    const auto* first = static_cast<const Sample*>(memory.get());
    return std::vector<Sample>(first, first + count);
}

bool is_opaque(ByteView rgba) {
    for (std::size_t i = 3; i < rgba.size(); i += 4)
        if (rgba[i] != 255) return false;
    return true;
}

// Colours times alpha, and alpha, all from 0 to 255 * 255.
std::vector<std::uint16_t> weighted(ByteView rgba) {
    std::vector<std::uint16_t> samples(rgba.size());
    for (std::size_t i = 0; i < rgba.size(); i += 4) {
        const unsigned alpha = rgba[i + 3];
        for (std::size_t c = 0; c < 3; ++c) samples[i + c] = static_cast<std::uint16_t>(rgba[i + c] * alpha);
        samples[i + 3] = static_cast<std::uint16_t>(255 * alpha);
    }
    return samples;
}

// A pixel that is all but invisible has no colour worth its bits: black.
Bytes unweighted(const std::vector<std::uint16_t>& samples) {
    Bytes rgba(samples.size());
    for (std::size_t i = 0; i < samples.size(); i += 4) {
        const unsigned alpha = (samples[i + 3] + 127u) / 255u;
        rgba[i + 3] = static_cast<std::uint8_t>(std::min(255u, alpha));
        if (alpha == 0) continue;
        for (std::size_t c = 0; c < 3; ++c) {
            const unsigned color = (samples[i + c] * 255u + samples[i + 3] / 2u) / samples[i + 3];
            rgba[i + c] = static_cast<std::uint8_t>(std::min(255u, color));
        }
    }
    return rgba;
}

}  // namespace

Result<Bytes> resize_samples(ByteView samples, PictureSize from, unsigned channels, PictureSize to,
                             Deadline deadline) {
    return resize(samples.data(), from, channels, to, deadline);
}

Result<Bytes> resize_rgba(ByteView rgba, PictureSize from, PictureSize to, Deadline deadline) {
    if (is_opaque(rgba)) return resize_samples(rgba, from, 4, to, deadline);
    const Result<std::vector<std::uint16_t>> scaled = resize(weighted(rgba).data(), from, 4, to, deadline);
    if (!scaled) return scaled.error();
    return unweighted(*scaled);
}

}  // namespace optimilter
