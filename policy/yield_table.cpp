// SPDX-License-Identifier: Apache-2.0
#include "policy/yield_table.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace optimilter {

namespace {

constexpr std::size_t kSmallestClass_bytes = 1024;  // all below share the first class
constexpr double kForgotten = 1.0 / 32;             // of the sums, with each new result
constexpr double kPriorResults = 8;                 // the prior weighs as much as so many
constexpr double kLeastCpu_ms = 0.5;                // a job costs that much, whatever the clock says
constexpr double kJobOverhead_ms = 2;               // a fresh worker (bench/RESULTS.md, "Small things")

// Profile balanced on real files, by bench/job_costs.py: share of the bytes saved, and bytes a CPU ms. What
// was not among them, or saved nothing, has a small figure, so that it gets its chance to show.
struct Prior {
    Format format;
    double saved_share;
    double bytes_a_ms;
};
constexpr Prior kPriors[] = {
    {Format::kJpeg, 0.50, 6600},  {Format::kPng, 0.39, 1200},       {Format::kZip, 0.30, 4200},
    {Format::kOoxml, 0.46, 1400}, {Format::kOdf, 0.50, 1500},       {Format::kEpub, 0.06, 1800},
    {Format::kGif, 0.02, 4200},   {Format::kWebp, 0.01, 1900},      {Format::kTiff, 0.41, 9000},
    {Format::kBmp, 0.50, 2000},   {Format::kPdf, 0.17, 3100},       {Format::kOle, 0.03, 5000},
    {Format::kGzip, 0.06, 2000},  {Format::kBzip2, 0.05, 1000},     {Format::kXz, 0.02, 1000},
    {Format::kZstd, 0.05, 1000},  {Format::kSevenZip, 0.03, 1000},  {Format::kTar, 0.06, 2000},
    {Format::kTga, 0.50, 2000},   {Format::kPcx, 0.50, 2000},       {Format::kSgi, 0.50, 2000},
    {Format::kPnm, 0.50, 2000},   {Format::kSunRaster, 0.50, 2000},
};

}  // namespace

YieldTable::YieldTable() : kinds_{} {
    for (const Prior& prior : kPriors) {
        for (std::size_t i = 0; i < kSizeClasses; ++i) {
            // The middle of the class, on the logarithmic scale.
            const double size = std::ldexp(0.7 * kSmallestClass_bytes, static_cast<int>(i));
            Kind& kind = kinds_[static_cast<std::size_t>(prior.format)][i];
            kind.saved_bytes = kPriorResults * size * prior.saved_share;
            kind.cpu_ms = kPriorResults * (size / prior.bytes_a_ms + kJobOverhead_ms);
        }
    }
}

// 0: below 1 KiB, 1: below 2 KiB, ... the last one: everything larger.
std::size_t YieldTable::size_class(std::size_t decoded_size) {
    return std::min<std::size_t>(std::bit_width(decoded_size / kSmallestClass_bytes), kSizeClasses - 1);
}

double YieldTable::expected(Format format, std::size_t decoded_size) const {
    const auto row = static_cast<std::size_t>(format);
    if (row >= kFormats) return 0;
    const std::lock_guard lock(mutex_);
    const Kind& kind = kinds_[row][size_class(decoded_size)];
    return kind.cpu_ms > 0 ? kind.saved_bytes / kind.cpu_ms : 0;
}

void YieldTable::note(Format format, std::size_t decoded_size, std::size_t saved_bytes, double cpu_ms) {
    const auto row = static_cast<std::size_t>(format);
    if (row >= kFormats || !std::isfinite(cpu_ms) || cpu_ms < 0) return;
    const std::lock_guard lock(mutex_);
    Kind& kind = kinds_[row][size_class(decoded_size)];
    kind.saved_bytes += static_cast<double>(saved_bytes) - kind.saved_bytes * kForgotten;
    kind.cpu_ms += std::max(cpu_ms, kLeastCpu_ms) - kind.cpu_ms * kForgotten;
}

}  // namespace optimilter
