// SPDX-License-Identifier: Apache-2.0
#include "optimizers/photoshop_resources.hpp"

namespace optimilter {

namespace {

constexpr std::uint16_t kThumbnailBgr = 0x0409;
constexpr std::uint16_t kThumbnailRgb = 0x040C;

// "8BIM", id (2), name (Pascal string, padded to even), size (4), content (padded to even). Returns the
// length of the resource at the front of bytes, or 0 when there is none.
std::size_t resource_length(ByteView bytes) {
    if (!starts_with(bytes, "8BIM") || bytes.size() < 7) return 0;
    const std::size_t name = (1u + bytes[6] + 1u) & ~std::size_t{1};
    if (bytes.size() < 6 + name + 4) return 0;
    const std::size_t size = read_be32(&bytes[6 + name]);
    const std::size_t start = 6 + name + 4;
    if (size > bytes.size() - start) return 0;
    // Some writers leave out the padding of the last resource.
    return std::min(start + size + size % 2, bytes.size());
}

}  // namespace

Bytes without_photoshop_thumbnails(ByteView payload) {
    Bytes kept(payload.begin(), payload.begin() + kPhotoshopSignature.size());
    ByteView rest = payload.subspan(kPhotoshopSignature.size());
    while (!rest.empty()) {
        const std::size_t length = resource_length(rest);
        if (length == 0) return Bytes(payload.begin(), payload.end());
        const std::uint16_t id = read_be16(&rest[4]);
        if (id != kThumbnailBgr && id != kThumbnailRgb) append(kept, rest.first(length));
        rest = rest.subspan(length);
    }
    return kept;
}

}  // namespace optimilter
