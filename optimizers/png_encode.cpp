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
// Trials look at bands spread over the picture's height, each high enough to show how rows follow each other.
constexpr std::uint32_t kBands = 6;
constexpr std::uint32_t kLeastBandRows = 8;

// How hard the last deflate tries. most_bytes: scanlines up to this size may have it, about half a second by
// measurements of screenshots. trials: what it costs in terms of kTrialLevel over the same bytes.
struct LastDeflate {
    int level;
    std::size_t most_bytes;
    double trials;
};
constexpr LastDeflate kLastDeflates[] = {
    {12, 2u << 20, 90},  {11, 6u << 20, 45},  {10, 16u << 20, 20}, {9, 42u << 20, 10},
    {8, 60u << 20, 6.5}, {7, 80u << 20, 2.5}, {6, SIZE_MAX, 1.5},
};

// Levels 10 and up win 3 % of what a picture deflates to, for 2 to 6 times the time of level 7 over all its
// bytes: little where most of them deflate away, and too slow for large pictures. 8 and 9 win next to
// nothing.
constexpr int kQuickLevel = 7;
constexpr std::size_t kThoroughBytes = 1 << 20;
constexpr double kThoroughShare = 0.1;

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

using Bands = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

// Rows of the picture that stand for all of it.
Bands pick_bands(const PngPicture& picture, std::size_t trial_bytes) {
    // Counted as if each pixel had four bytes: the bands, and so the choice, must not depend on the layout
    // the picture comes in, or a second pass would choose anew.
    const std::size_t most_rows = trial_bytes / (std::size_t{picture.width} * 4);
    const auto rows = static_cast<std::uint32_t>(std::min<std::size_t>(most_rows, picture.height));
    if (std::max(rows, kLeastBandRows) >= picture.height) return {{0, picture.height}};
    const std::uint32_t count = std::clamp<std::uint32_t>(rows / kLeastBandRows, 1, kBands);
    const std::uint32_t band = std::max(rows / count, kLeastBandRows);
    Bands bands;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint64_t spread = std::uint64_t{picture.height - band} * (2 * i + 1) / (2 * count);
        const auto begin = static_cast<std::uint32_t>(spread);
        bands.emplace_back(begin, begin + band);
    }
    return bands;
}

// The rows of some bands, each after the row above it, so that its first row is filtered as in the picture.
class Sample {
  public:
    Sample(const PngPicture& picture, const Bands& bands) {
        rows_.width = picture.width;
        rows_.layout = picture.layout;
        for (const auto& [begin, end] : bands) {
            const std::uint32_t from = begin == 0 ? 0 : begin - 1;
            for (std::uint32_t y = from; y < end; ++y) append(rows_.rows, picture.row(y));
            if (from < begin) above_.push_back(rows_.height);
            rows_.height += end - from;
        }
    }

    const PngPicture& rows() const { return rows_; }
    std::uint32_t height() const { return rows_.height - static_cast<std::uint32_t>(above_.size()); }

    // Scanlines of rows() without those that stand above a band.
    Bytes bands_of(Bytes scanlines, std::size_t stride) const {
        if (above_.empty()) return scanlines;
        Bytes kept;
        kept.reserve(height() * stride);
        for (std::size_t i = 0; i < above_.size(); ++i) {
            if (i == 0) append(kept, ByteView(scanlines).first(above_[0] * stride));
            const std::size_t begin = above_[i] + 1;
            const std::size_t end = i + 1 < above_.size() ? above_[i + 1] : rows_.height;
            append(kept, ByteView(scanlines).subspan(begin * stride, (end - begin) * stride));
        }
        return kept;
    }

  private:
    PngPicture rows_;
    std::vector<std::uint32_t> above_;
};

class Search {
  public:
    explicit Search(const EncodeJob& job)
        : job_(job),
          strategies_(kStrategies.data(), job.effort.filters),
          bands_(pick_bands(job.picture, job.effort.trial_bytes)),
          sample_(job.picture, bands_) {}

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
        return layout == sample_.rows().layout ? sample_.rows() : convert_picture(sample_.rows(), layout);
    }

    void try_way(const PngPicture& sample, const PngLayout& layout, FilterStrategy strategy) {
        if (job_.deadline.expired()) return;
        Result<Bytes> scanlines = filter_picture(sample, strategy, job_.deadline);
        if (!scanlines) return;
        note(&layout, strategy, sample_.bands_of(std::move(*scanlines), sample.row_bytes() + 1));
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
        const double scale = static_cast<double>(job_.picture.height) / sample_.height();
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
    Bands bands_;
    Sample sample_;
    std::vector<Way> ways_;
};

// The highest level that the effort allows and the picture is worth.
int highest_level(std::size_t size, double cost, const PngEffort& effort) {
    const bool thorough = size <= kThoroughBytes && cost >= kThoroughShare * static_cast<double>(size);
    if (!effort.by_yield || thorough) return effort.level;
    return std::min<int>(effort.level, kQuickLevel);
}

// The highest level up to that one that the size allows and a third of the time left suffices for; -1 when
// none does. Under the deadline of a calm machine the picture alone decides, so that equal ones get equal
// results.
int affordable_level(std::size_t size, const Way& way, const EncodeJob& job) {
    const auto allowed = static_cast<double>(job.deadline.remaining_ms()) / 3;
    const int highest = highest_level(size, way.cost, job.effort);
    for (const LastDeflate& last : kLastDeflates)
        if (last.level <= highest && size <= last.most_bytes &&
            !job.deadline.short_of_time(way.trial_ms * last.trials > allowed))
            return last.level;
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
    const int level = affordable_level(scanlines.size(), way, job);
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
    const std::size_t finals = std::min<std::size_t>(ways.size(), job.effort.finals);
    for (std::size_t i = 1; best && i < finals && !job.deadline.expired(); ++i) {
        Result<EncodedPicture> other = encode_way(job, ways[i]);
        if (other && whole_size(*other) < whole_size(*best)) best = std::move(other);
    }
    return best;
}

}  // namespace optimilter
