// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_member.hpp"

#include "optimizers/deflate.hpp"

namespace optimilter {

bool looks_like_bomb(const ZipEntry& entry) {
    constexpr std::uint32_t kHarmless = 8u << 20;
    constexpr std::uint64_t kRatioMax = 200;
    return entry.size > kHarmless && entry.size > kRatioMax * entry.data.size();
}

Result<MemberContent> MemberContent::of(ByteView file, const ZipEntry& entry) {
    MemberContent content;
    if (entry.method == kZipDeflated) {
        auto inflated = inflate_raw(slice(file, entry.data), entry.size);
        if (!inflated) return inflated.error();
        content.inflated_ = std::move(inflated).value();
    } else if (entry.method == kZipStored) {
        content.stored_ = slice(file, entry.data);
    } else {
        return Error{ErrorCode::kUnsupported, "unusual compression method"};
    }
    if (crc32(content.bytes()) != entry.crc) {
        return Error{ErrorCode::kMalformed, "checksum of an entry does not match"};
    }
    return content;
}

}  // namespace optimilter
