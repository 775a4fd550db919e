// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_encode.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "optimizers/deflate.hpp"
#include "optimizers/effort.hpp"
#include "optimizers/png_chunks.hpp"
#include "optimizers/png_filter.hpp"

namespace optimilter {

namespace {

constexpr int kTrialLevel = 5;
// Trials look at this many bytes of the picture at most, in bands spread over its height.
constexpr std::size_t kTrialBytes = 1 << 20;
constexpr std::uint32_t kBands = 6;

// How hard the last deflate tries. most_bytes: scanlines up to this size may have it, about half a second by
// measurements of screenshots. trials: what it costs in terms of kTrialLevel over the same bytes.
struct LastDeflate {
    int level;
    std::size_t most_bytes;
    double trials;
};
constexpr LastDeflate kLastDeflates[] = {
    {12, 2u << 20, 90}, {11, 6u << 20, 45},  {10, 16u << 20, 20},
    {9, 42u << 20, 10}, {8, 60u << 20, 6.5}, {6, SIZE_MAX, 1.5},
};

// The likeliest first. The first look, at every layout, takes the first of them and, of the others that the
// effort allows, the one that tells layouts apart best; the second, at the best layout, all that remain.
constexpr std::array kStrategies = {
    FilterStrategy::kNone,  FilterStrategy::kMinSum, FilterStrategy::kBigrams, FilterStrategy::kEntropy,
    FilterStrategy::kPaeth, FilterStrategy::kSub,    FilterStrategy::kUp,      FilterStrategy::kAverage};

// One way to write the picture; the input's own scanlines when it has no layout.
struct Way {
    const PngLayout* layout = nullptr;
    FilterStrategy strategy = FilterStrategy::kNone;
    double cost = 0;      // estimated bytes of the whole file
    double trial_ms = 0;  // estimated time of deflating all of it at kTrialLevel, now and here
};

// Rows of the picture that stand for all of it.
std::vector<std::pair<std::uint32_t, std::uint32_t>> pick_bands(const PngPicture& picture) {
    // Counted as if each pixel had four bytes: the bands, and so the choice, must not depend on the layout
    // the picture comes in, or a second pass would choose anew.
    const std::size_t rows = std::max<std::size_t>(kTrialBytes / (std::size_t{picture.width} * 4), 1);
    if (rows >= picture.height) return {{0, picture.height}};
    const auto band = static_cast<std::uint32_t>(std::max<std::size_t>(rows / kBands, 1));
    const std::uint32_t count = std::min<std::uint32_t>(kBands, static_cast<std::uint32_t>(rows));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> bands;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t spread = std::uint64_t{picture.height - band} * (2 * i + 1) / (2 * count);
        const auto begin = static_cast<std::uint32_t>(spread);
        bands.emplace_back(begin, begin + band);
    }
    return bands;
}

class Search {
  public:
    explicit Search(const EncodeJob& job)
        : job_(job),
          strategies_(kStrategies.data(), effort_settings(job.effort).png_filters),
          bands_(pick_bands(job.picture)) {
        sample_.width = job.picture.width;
        sample_.layout = job.picture.layout;
        for (const auto& [begin, end] : bands_) {
            for (std::uint32_t y = begin; y < end; ++y) append(sample_.rows, job.picture.row(y));
            sample_.height += end - begin;
        }
    }

    // The best way first, by estimate; the input's own scanlines always among them.
    std::vector<Way> run() {
        try_own_scanlines();
        for (const PngLayout& layout : job_.layouts) {
            const PngPicture sample = sample_as(layout);
            for (const FilterStrategy strategy : strategies_)
                if (first_look(strategy)) try_way(sample, layout, strategy);
        }
        if (const Way* best = best_new_way(); best != nullptr) {
            const PngLayout& layout = *best->layout;
            const PngPicture sample = sample_as(layout);
            for (const FilterStrategy strategy : strategies_)
                if (!first_look(strategy)) try_way(sample, layout, strategy);
        }
        std::stable_sort(ways_.begin(), ways_.end(),
                         [](const Way& a, const Way& b) { return a.cost < b.cost; });
        return std::move(ways_);
    }

  private:
    bool first_look(FilterStrategy strategy) const {
        const std::size_t last = std::min<std::size_t>(strategies_.size(), 3) - 1;
        return strategy == strategies_[0] || strategy == strategies_[last];
    }

    PngPicture sample_as(const PngLayout& layout) const {
        return layout == sample_.layout ? sample_ : convert_picture(sample_, layout);
    }

    void try_way(const PngPicture& sample, const PngLayout& layout, FilterStrategy strategy) {
        if (job_.deadline.expired()) return;
        const Result<Bytes> scanlines = filter_picture(sample, strategy, job_.deadline);
        if (scanlines) note(&layout, strategy, *scanlines);
    }

    void try_own_scanlines() {
        if (job_.own_scanlines.empty()) return;
        const std::size_t stride = job_.own_layout.row_bytes(job_.picture.width) + 1;
        Bytes scanlines;
        for (const auto& [begin, end] : bands_)
            append(scanlines, job_.own_scanlines.subspan(begin * stride, (end - begin) * stride));
        note(nullptr, FilterStrategy::kNone, scanlines);
    }

    void note(const PngLayout* layout, FilterStrategy strategy, ByteView scanlines) {
        const Stopwatch stopwatch;
        const Result<Bytes> deflated = deflate_zlib(scanlines, kTrialLevel);
        if (!deflated) return;
        const double scale = static_cast<double>(job_.picture.height) / sample_.height;
        const std::size_t fixed = layout_chunk_bytes(layout != nullptr ? *layout : job_.own_layout);
        ways_.push_back({layout, strategy,
                         static_cast<double>(deflated->size()) * scale + static_cast<double>(fixed),
                         stopwatch.elapsed_ms() * scale});
    }

    const Way* best_new_way() const {
        const Way* best = nullptr;
        for (const Way& way : ways_)
            if (way.layout != nullptr && (best == nullptr || way.cost < best->cost)) best = &way;
        return best;
    }

    const EncodeJob& job_;
    std::span<const FilterStrategy> strategies_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> bands_;
    PngPicture sample_;
    std::vector<Way> ways_;
};

// The highest level that effort and size allow and a third of the time left suffices for; -1 when none does.
// Under the deadline of a calm machine the size alone decides, so that equal pictures get equal results.
int affordable_level(std::size_t size, double trial_ms, const EncodeJob& job) {
    const auto allowed = static_cast<double>(job.deadline.remaining_ms()) / 3;
    const int highest = effort_settings(job.effort).png_level;
    for (const LastDeflate& way : kLastDeflates)
        if (way.level <= highest && size <= way.most_bytes &&
            !job.deadline.short_of_time(trial_ms * way.trials > allowed))
            return way.level;
    return -1;
}

Result<Bytes> final_scanlines(const EncodeJob& job, const Way& way) {
    if (*way.layout == job.picture.layout) return filter_picture(job.picture, way.strategy, job.deadline);
    return filter_picture(convert_picture(job.picture, *way.layout), way.strategy, job.deadline);
}

Result<EncodedPicture> encode_way(const EncodeJob& job, const Way& way) {
    Bytes written;
    ByteView scanlines = job.own_scanlines;
    if (way.layout != nullptr) {
        Result<Bytes> filtered = final_scanlines(job, way);
        if (!filtered) return filtered.error();
        written = std::move(*filtered);
        scanlines = written;
    }
    const int level = affordable_level(scanlines.size(), way.trial_ms, job);
    if (level < 0) return Error{ErrorCode::kDeadline, "no time left to deflate"};
    Result<Bytes> idat = deflate_zlib(scanlines, level);
    if (!idat) return idat.error();
    return EncodedPicture{way.layout != nullptr ? *way.layout : job.own_layout, std::move(*idat)};
}

std::size_t whole_size(const EncodedPicture& encoded) {
    return encoded.idat.size() + layout_chunk_bytes(encoded.layout);
}

}  // namespace

Result<EncodedPicture> encode_picture(const EncodeJob& job) {
    const std::vector<Way> ways = Search(job).run();
    if (ways.empty()) return Error{ErrorCode::kDeadline, "no time left for trials"};
    Result<EncodedPicture> best = encode_way(job, ways.front());
    const std::size_t finals = std::min<std::size_t>(ways.size(), effort_settings(job.effort).png_finals);
    for (std::size_t i = 1; best && i < finals && !job.deadline.expired(); ++i) {
        Result<EncodedPicture> other = encode_way(job, ways[i]);
        if (other && whole_size(*other) < whole_size(*best)) best = std::move(other);
    }
    return best;
}

}  // namespace optimilter
