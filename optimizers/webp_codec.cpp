// SPDX-License-Identifier: Apache-2.0
#include "optimizers/webp_codec.hpp"

#include <webp/decode.h>
#include <webp/encode.h>

#include <algorithm>
#include <memory>

#include "optimizers/options.hpp"

namespace optimilter {

namespace {

struct EffortRow {
    int lossless_method;
    float lossless_quality;
    int lossy_method;
    std::uint32_t lossless_ms;  // for a million pixels of a photo, a little more than measured
};
// Quality 100 makes libwebp try all it knows: ten times the time for a hundredth of the bytes.
constexpr EffortRow kWebpEfforts[kEffortMax + 1] = {
    {0, 50, 3, 200}, {2, 75, 4, 900}, {4, 75, 4, 1000}, {4, 95, 4, 1800}, {5, 100, 6, 4000},
};

struct PictureFree {
    void operator()(::WebPPicture* picture) const { WebPPictureFree(picture); }
};
struct WriterFree {
    void operator()(WebPMemoryWriter* writer) const { WebPMemoryWriterClear(writer); }
};

int go_on(int, const ::WebPPicture* picture) {
    return static_cast<const Deadline*>(picture->user_data)->expired() ? 0 : 1;
}

// The picture's chunks out of the file that libwebp wraps around them.
Result<Bytes> chunks_of(const WebPMemoryWriter& writer) {
    constexpr std::size_t kMostChunks = 8;
    const Result<WebpFile> file = read_webp({writer.mem, writer.size}, kMostChunks);
    if (!file) return Error{ErrorCode::kInternal, "libwebp wrote no sound file"};
    const ByteView coded = file->pictures.front().coded;
    return Bytes(coded.begin(), coded.end());
}

Result<Bytes> encode(ByteView rgba, std::uint32_t width, std::uint32_t height, const WebPConfig& config,
                     Deadline deadline) {
    ::WebPPicture picture;
    WebPMemoryWriter writer;
    if (!WebPPictureInit(&picture) || !WebPValidateConfig(&config))
        return Error{ErrorCode::kInternal, "libwebp of another version"};
    WebPMemoryWriterInit(&writer);
    const std::unique_ptr<::WebPPicture, PictureFree> free_picture(&picture);
    const std::unique_ptr<WebPMemoryWriter, WriterFree> free_writer(&writer);
    picture.use_argb = config.lossless;
    picture.width = static_cast<int>(width);
    picture.height = static_cast<int>(height);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    picture.progress_hook = go_on;
    picture.user_data = &deadline;
    if (!WebPPictureImportRGBA(&picture, rgba.data(), static_cast<int>(width * 4)))
        return Error{ErrorCode::kLimit, "memory"};
    if (!WebPEncode(&config, &picture)) {
        if (picture.error_code == VP8_ENC_ERROR_USER_ABORT) return Error{ErrorCode::kDeadline, "deadline"};
        return Error{ErrorCode::kLimit, "libwebp could not code the picture"};
    }
    return chunks_of(writer);
}

const EffortRow& row_of(std::uint8_t effort) {
    return kWebpEfforts[std::min(effort, kEffortMax)];
}

}  // namespace

Result<Bytes> decode_webp(const WebpPicture& picture) {
    const ByteView coded = picture.coded;
    const std::size_t stride = std::size_t{picture.width} * 4;
    Bytes rgba(stride * picture.height);
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return Error{ErrorCode::kInternal, "libwebp of another version"};
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rgba.data();
    config.output.u.RGBA.stride = static_cast<int>(stride);
    config.output.u.RGBA.size = rgba.size();
    const bool decoded = WebPDecode(coded.data(), coded.size(), &config) == VP8_STATUS_OK &&
                         config.output.width == static_cast<int>(picture.width) &&
                         config.output.height == static_cast<int>(picture.height);
    WebPFreeDecBuffer(&config.output);
    if (!decoded) return Error{ErrorCode::kMalformed, "picture does not decode"};
    return rgba;
}

std::optional<std::uint8_t> webp_lossless_effort(std::uint64_t pixels, std::uint8_t wanted,
                                                 std::int64_t left_ms) {
    const std::uint8_t highest = std::min(wanted, kEffortMax);
    const std::uint8_t lowest = std::min<std::uint8_t>(1, highest);
    for (std::uint8_t effort = highest; effort >= lowest; --effort) {
        const std::uint64_t cost_ms = pixels * kWebpEfforts[effort].lossless_ms / 1'000'000;
        if (static_cast<std::int64_t>(cost_ms) <= left_ms) return effort;
        if (effort == 0) break;
    }
    return std::nullopt;
}

Result<Bytes> encode_webp_lossless(ByteView rgba, std::uint32_t width, std::uint32_t height,
                                   std::uint8_t effort, Deadline deadline) {
    WebPConfig config;
    if (!WebPConfigInit(&config)) return Error{ErrorCode::kInternal, "libwebp of another version"};
    config.lossless = 1;
    config.exact = 1;
    config.method = row_of(effort).lossless_method;
    config.quality = row_of(effort).lossless_quality;
    return encode(rgba, width, height, config, deadline);
}

Result<Bytes> encode_webp_lossy(ByteView rgba, std::uint32_t width, std::uint32_t height, int quality,
                                std::uint8_t effort, Deadline deadline) {
    WebPConfig config;
    if (!WebPConfigInit(&config)) return Error{ErrorCode::kInternal, "libwebp of another version"};
    config.quality = static_cast<float>(std::clamp(quality, 0, 100));
    config.method = row_of(effort).lossy_method;
    config.alpha_quality = 100;
    config.exact = 1;
    return encode(rgba, width, height, config, deadline);
}

}  // namespace optimilter
