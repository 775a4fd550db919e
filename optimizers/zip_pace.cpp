// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_pace.hpp"

#include <algorithm>

#include "optimizers/deflate.hpp"

namespace optimilter {

namespace {

constexpr std::uint64_t kSmallMemberMax = 1u << 20;
// By effort. 12 yields 1 % of a member more than 9 for 3 to 16 times the time, far less than pictures yield.
constexpr DeflateLevels kLevels[kEffortMax + 1] = {{6, 6}, {9, 6}, {9, 9}, {9, 9}, {12, 12}};
constexpr int kUsualLevel = 9;
constexpr int kHastyLevel = 6;

// Bytes a millisecond, a quarter of what was measured; believed until a megabyte has told better.
constexpr std::uint64_t kInflateSpeed = 100'000;
constexpr std::uint64_t kTellsSpeed = 1u << 20;
// Verifying inflates by both readers and compares: twice the cost of inflating, measured; doubled.
constexpr double kVerifyCost = 4.0;
// An entry costs so much besides its bytes, written and verified; 20 us were measured, doubled.
constexpr double kEntryMs = 0.04;
constexpr double kWriteSpeed = 500'000.0;
constexpr double kFinishAtLeast = 3.0;

}  // namespace

DeflateLevels zip_levels(std::uint8_t effort) {
    return kLevels[std::min(effort, kEffortMax)];
}

double ZipPace::inflate_ms(std::uint64_t size_bytes) const {
    const auto size = static_cast<double>(size_bytes);
    if (inflated_ < kTellsSpeed) return size / static_cast<double>(kInflateSpeed);
    return size * inflated_ms_ / static_cast<double>(inflated_);
}

std::int64_t ZipPace::finish_ms(std::uint64_t size_bytes) const {
    const double write = static_cast<double>(file_size_) / kWriteSpeed;
    const double verify = kVerifyCost * inflate_ms(to_verify_ + size_bytes);
    return static_cast<std::int64_t>(kFinishAtLeast + write + verify +
                                     kEntryMs * static_cast<double>(entries_));
}

bool ZipPace::allows_inflating(std::uint64_t size_bytes) const {
    const std::int64_t left = budget_.deadline().remaining_ms() - finish_ms(0);
    return !budget_.deadline().short_of_time(left <= 0 || static_cast<double>(left) < inflate_ms(size_bytes));
}

std::optional<int> ZipPace::level_for(std::uint64_t size_bytes, bool media) const {
    const int best = media ? kMediaLevel : size_bytes <= kSmallMemberMax ? levels_.small : levels_.large;
    // One call gets no more than half of what is left: the machine may become busier while it runs.
    const auto left = static_cast<double>(budget_.deadline().remaining_ms() - finish_ms(size_bytes)) / 2;
    for (const int level : {kDeflateSmallest, kUsualLevel, kHastyLevel}) {
        if (level > best) continue;
        const double cost_ms = static_cast<double>(deflate_cost_ms(size_bytes, level)) * slowness_;
        if (!budget_.deadline().short_of_time(cost_ms >= left)) return level;
    }
    return std::nullopt;
}

void ZipPace::learn_deflating(std::uint64_t size_bytes, int level, double took_ms) {
    constexpr double kTeaches = 10.0;
    constexpr double kCautious = 0.5;  // foretold costs are about twice the usual; no less
    constexpr double kHopeless = 50.0;
    const auto foretold = static_cast<double>(deflate_cost_ms(size_bytes, level));
    if (foretold < kTeaches) return;
    slowness_ = std::clamp((slowness_ + took_ms / foretold) / 2, kCautious, kHopeless);
}

void ZipPace::learn_inflating(std::uint64_t size_bytes, double took_ms) {
    inflated_ += size_bytes;
    inflated_ms_ += took_ms;
}

}  // namespace optimilter
