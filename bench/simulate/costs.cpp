// SPDX-License-Identifier: Apache-2.0
#include "bench/simulate/costs.hpp"

#include <algorithm>
#include <iterator>

namespace optimilter::sim {

namespace {

constexpr std::size_t kClasses = 5;
constexpr std::size_t kClassEnd_bytes[kClasses] = {32 << 10, 128 << 10, 512 << 10, 2 << 20, SIZE_MAX};

// Share of the bytes saved and bytes a CPU ms at effort 3, by size class. Where a class had no file, or only
// such as nothing could be done to, it has the figures of its neighbour; the largest classes of zip and ooxml
// are photo archives and decks of mails (bench/RESULTS.md, "A mail load through Postfix").
struct FormatRow {
    Format format;
    double saved_share[kClasses];
    double bytes_a_ms[kClasses];
    double speed_up[3];  // at effort 2, 1, 0
    double kept[3];      // share of the saving at effort 2, 1, 0
};
constexpr FormatRow kRows[] = {
    {Format::kJpeg,
     {0.25, 0.28, 0.40, 0.50, 0.80},
     {9000, 3200, 3500, 5000, 7400},
     {1.0, 1.3, 1.3},
     {1, 1, 1}},
    {Format::kPng,
     {0.60, 0.52, 0.58, 0.35, 0.21},
     {540, 690, 1030, 1600, 2150},
     {1.25, 1.35, 1.5},
     {0.94, 0.93, 0.91}},
    {Format::kOoxml,
     {0.18, 0.22, 0.26, 0.58, 0.48},
     {2000, 2200, 1250, 1320, 4000},
     {1.4, 1.6, 1.9},
     {0.98, 0.97, 0.95}},
    {Format::kOdf,
     {0.04, 0.27, 0.62, 0.66, 0.66},
     {1150, 500, 1900, 2330, 2330},
     {1.5, 1.8, 2.1},
     {0.99, 0.97, 0.96}},
    {Format::kEpub,
     {0.03, 0.06, 0.06, 0.06, 0.06},
     {4700, 1700, 1700, 1700, 1700},
     {1.3, 1.35, 1.6},
     {0.57, 0.57, 0.42}},
    {Format::kPdf, {0.11, 0.08, 0.29, 0.20, 0.15}, {8700, 3700, 5900, 4000, 2200}, {1, 1, 1}, {1, 1, 0.98}},
    {Format::kZip,
     {0.05, 0.05, 0.20, 0.30, 0.58},
     {2000, 2000, 3000, 4000, 5000},
     {1.2, 1.3, 1.4},
     {0.98, 0.97, 0.96}},
    {Format::kGif,
     {0.02, 0.036, 0.03, 0.02, 0.02},
     {6000, 4700, 4300, 4200, 4200},
     {1.1, 1.1, 1.7},
     {0.78, 0.78, 0}},
    {Format::kTiff,
     {0.79, 0.70, 0.60, 0.26, 0.26},
     {20000, 20000, 9000, 17000, 17000},
     {1.5, 1.6, 1.6},
     {0.96, 0.96, 0.96}},
    {Format::kOle,
     {0.01, 0.09, 0.02, 0.01, 0.01},
     {5000, 1440, 5000, 5000, 5000},
     {1.3, 1.5, 2.4},
     {0.9, 0.93, 0.91}},
    {Format::kGzip,
     {0.03, 0.06, 0.06, 0.06, 0.06},
     {4000, 1800, 1800, 1800, 1800},
     {6, 12, 20},
     {0.4, 0.3, 0.3}},
    {Format::kWebp, {0, 0.013, 0.01, 0.01, 0.01}, {3500, 3500, 1430, 1430, 1430}, {1, 3, 10}, {0, 0, 0}},
};
constexpr FormatRow kOther = {Format::kUnknown,
                              {0.01, 0.01, 0.01, 0.01, 0.01},
                              {5000, 5000, 5000, 5000, 5000},
                              {1.1, 1.2, 1.3},
                              {1, 1, 1}};

constexpr double kStart_ms = 2;   // a fresh worker for each message, its share for this file
constexpr double kWorthIt = 0.7;  // of the files; on the others the work saves nothing
constexpr double kScatter = 0.5;
constexpr double kMostSaved = 0.95;

const FormatRow& row_of(Format format) {
    const auto found = std::find_if(std::begin(kRows), std::end(kRows),
                                    [&](const FormatRow& row) { return row.format == format; });
    return found == std::end(kRows) ? kOther : *found;
}

}  // namespace

Cost mean_cost(Format format, std::size_t size, std::uint32_t effort) {
    const FormatRow& row = row_of(format);
    const std::size_t size_class = static_cast<std::size_t>(
        std::upper_bound(std::begin(kClassEnd_bytes), std::end(kClassEnd_bytes) - 1, size) -
        std::begin(kClassEnd_bytes));
    const double bytes = static_cast<double>(size);
    const double faster = effort >= 3 ? 1 : row.speed_up[2 - effort];
    const double kept = effort >= 3 ? 1 : row.kept[2 - effort];
    return {kStart_ms + bytes / (row.bytes_a_ms[size_class] * faster),
            bytes * row.saved_share[size_class] * kept};
}

Cost job_cost(Format format, std::size_t size, std::uint32_t effort, Random& random) {
    Cost cost = mean_cost(format, size, effort);
    const bool worth_it = random.uniform() < kWorthIt;
    cost.cpu_ms *= random.scatter(kScatter);
    const double saved = cost.saved_bytes / kWorthIt * random.scatter(kScatter);
    cost.saved_bytes = worth_it ? std::min(saved, kMostSaved * static_cast<double>(size)) : 0;
    return cost;
}

bool is_anytime(Format format) {
    constexpr Format kContainers[] = {Format::kZip,  Format::kOoxml, Format::kOdf,
                                      Format::kEpub, Format::kPdf,   Format::kOle};
    return std::find(std::begin(kContainers), std::end(kContainers), format) != std::end(kContainers);
}

}  // namespace optimilter::sim
