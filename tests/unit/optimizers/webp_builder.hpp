// SPDX-License-Identifier: Apache-2.0
//
// Small WebP files for tests, coded by libwebp and put together byte by byte. Pure functions.
#pragma once

#include <webp/encode.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "check.hpp"
#include "optimizers/webp_chunks.hpp"

namespace optimilter::webp_builder {

using Sample = unsigned (*)(unsigned x, unsigned y, unsigned channel);  // RGBA

inline unsigned drawing(unsigned x, unsigned y, unsigned channel) {
    return channel == 3 ? 255 : (x / 9 + y / 5) % 4 * 60 + channel * 9 + x * y % 3;
}
inline unsigned clear_drawing(unsigned x, unsigned y, unsigned channel) {
    return channel == 3 ? (x + y) % 5 * 63 : drawing(x, y, channel);
}
inline unsigned photo(unsigned x, unsigned y, unsigned channel) {
    const unsigned grain = (x * 7919 + y * 104729 + channel * 31) * 2654435761u >> 29;
    return channel == 3 ? 255 : 60 + x * 2 / 3 + y / 2 + channel * 10 + grain;
}

constexpr std::uint32_t kWidth = 97;
constexpr std::uint32_t kHeight = 61;

inline Bytes rgba(Sample sample) {
    Bytes samples;
    for (std::uint32_t y = 0; y < kHeight; ++y)
        for (std::uint32_t x = 0; x < kWidth; ++x)
            for (unsigned c = 0; c < 4; ++c) samples.push_back(static_cast<std::uint8_t>(sample(x, y, c)));
    return samples;
}

// A simple or, with alpha, extended file as libwebp writes it. quality: of lossy files; below 0: lossless,
// with the least effort.
inline Bytes file(Sample sample, int quality) {
    const Bytes samples = rgba(sample);
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    WebPConfigInit(&config);
    WebPPictureInit(&picture);
    WebPMemoryWriterInit(&writer);
    config.lossless = quality < 0;
    config.exact = 1;
    config.method = 0;
    config.quality = quality < 0 ? 0.0F : static_cast<float>(quality);
    picture.use_argb = config.lossless;
    picture.width = kWidth;
    picture.height = kHeight;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    WebPPictureImportRGBA(&picture, samples.data(), kWidth * 4);
    CHECK(WebPEncode(&config, &picture));
    const Bytes bytes(writer.mem, writer.mem + writer.size);
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&writer);
    return bytes;
}

inline void append_le(Bytes& to, std::uint32_t number, std::size_t bytes) {
    for (; bytes > 0; --bytes, number >>= 8) to.push_back(static_cast<std::uint8_t>(number));
}

inline Bytes chunk(std::string_view type, ByteView body) {
    Bytes bytes(type.begin(), type.end());
    append_le(bytes, static_cast<std::uint32_t>(body.size()), 4);
    append(bytes, body);
    if (body.size() % 2 != 0) bytes.push_back(0);
    return bytes;
}

inline Bytes riff(const std::vector<Bytes>& chunks) {
    Bytes body;
    append(body, as_bytes("WEBP"));
    for (const Bytes& c : chunks) append(body, c);
    return chunk("RIFF", body);
}

// The chunks of a file's only picture.
inline Bytes coded(const Bytes& bytes) {
    const auto parsed = read_webp(bytes, 100);
    const ByteView picture = parsed.value().pictures.front().coded;
    return Bytes(picture.begin(), picture.end());
}

inline Bytes vp8x(std::uint8_t flags) {
    Bytes body{flags, 0, 0, 0};
    append_le(body, kWidth - 1, 3);
    append_le(body, kHeight - 1, 3);
    return chunk("VP8X", body);
}

// A still with metadata around it: profile, Exif, XMP and a chunk nobody knows.
inline Bytes with_metadata(const Bytes& picture, std::string_view profile = "a profile") {
    return riff({vp8x(0x20 | 0x10 | 0x08 | 0x04), chunk("ICCP", as_bytes(profile)), coded(picture),
                 chunk("EXIF", as_bytes("II*\0")), chunk("XMP ", as_bytes("<x/>")),
                 chunk("abcd", as_bytes("private"))});
}

struct Frame {
    Bytes picture;  // a file
    std::uint32_t duration = 100;
    std::uint8_t blend_dispose = 0;
    std::uint32_t x = 0;  // halved
};

inline Bytes frame_chunk(const Frame& frame) {
    Bytes body;
    append_le(body, frame.x, 3);
    append_le(body, 0, 3);
    append_le(body, kWidth - 1, 3);
    append_le(body, kHeight - 1, 3);
    append_le(body, frame.duration, 3);
    body.push_back(frame.blend_dispose);
    append(body, coded(frame.picture));
    return chunk("ANMF", body);
}

inline Bytes animation(const std::vector<Frame>& frames, std::uint8_t loops = 3, std::uint8_t blue = 9) {
    std::vector<Bytes> chunks{vp8x(0x10 | 0x02), chunk("ANIM", Bytes{blue, 2, 3, 4, loops, 0})};
    for (const Frame& frame : frames) chunks.push_back(frame_chunk(frame));
    chunks.push_back(chunk("XMP ", as_bytes("<after/>")));
    return riff(chunks);
}

}  // namespace optimilter::webp_builder
