// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_pace.hpp"

#include <algorithm>

#include "optimizers/deflate.hpp"

namespace optimilter {

namespace {

// libdeflate 12 yields 1 % more than 9 for 3 to 16 times the time: for members up to this size.
constexpr std::uint64_t kSmallestLevelMax = 1u << 20;
constexpr int kUsualLevel = 9;
constexpr int kHastyLevel = 6;

// Bytes a millisecond, a quarter of what was measured.
constexpr std::uint64_t kInflateSpeed = 100'000;
constexpr std::uint64_t kVerifySpeed = 50'000;

}  // namespace

bool ZipPace::allows_inflating(std::uint64_t size_bytes) const {
    const std::int64_t left = budget_.deadline().remaining_ms();
    return left > 0 && static_cast<std::uint64_t>(left) >= size_bytes / kInflateSpeed;
}

std::optional<int> ZipPace::level_for(std::uint64_t size_bytes, bool media) const {
    const int best = media ? kMediaLevel : size_bytes <= kSmallestLevelMax ? kDeflateSmallest : kUsualLevel;
    const auto left = static_cast<double>(budget_.deadline().remaining_ms());
    for (const int level : {kDeflateSmallest, kUsualLevel, kHastyLevel}) {
        if (level > best) continue;
        if (static_cast<double>(deflate_cost_ms(size_bytes, level)) * slowness_ < left) return level;
    }
    return std::nullopt;
}

void ZipPace::learn(std::uint64_t size_bytes, int level, double took_ms) {
    constexpr double kTeaches = 10.0;
    constexpr double kCautious = 0.5;  // foretold costs are about twice the usual; no less
    constexpr double kHopeless = 50.0;
    const auto foretold = static_cast<double>(deflate_cost_ms(size_bytes, level));
    if (foretold < kTeaches) return;
    slowness_ = std::clamp((slowness_ + took_ms / foretold) / 2, kCautious, kHopeless);
}

std::int64_t ZipPace::finish_ms(const ZipArchive& archive, std::size_t file_size_bytes) {
    std::uint64_t bytes = file_size_bytes;
    for (const ZipEntry& entry : archive.entries) bytes += entry.size;
    return static_cast<std::int64_t>(5 + bytes / kVerifySpeed);
}

}  // namespace optimilter
