// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_filter.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

constexpr unsigned kFilterCount = 5;
constexpr std::uint32_t kRowsPerDeadlineCheck = 64;

// A row and the one above, both preceded by as many zero bytes as the left neighbour is away.
struct Rows {
    const std::uint8_t* row;
    const std::uint8_t* above;
    std::size_t size;
    std::size_t distance;
};

OPTIMILTER_INLINE void filter_sub(const Rows& r, std::uint8_t* __restrict to) {
    const std::uint8_t* left = r.row - r.distance;
    for (std::size_t i = 0; i < r.size; ++i) to[i] = static_cast<std::uint8_t>(r.row[i] - left[i]);
}

OPTIMILTER_INLINE void filter_up(const Rows& r, std::uint8_t* __restrict to) {
    for (std::size_t i = 0; i < r.size; ++i) to[i] = static_cast<std::uint8_t>(r.row[i] - r.above[i]);
}

OPTIMILTER_INLINE void filter_average(const Rows& r, std::uint8_t* __restrict to) {
    const std::uint8_t* left = r.row - r.distance;
    for (std::size_t i = 0; i < r.size; ++i)
        to[i] = static_cast<std::uint8_t>(r.row[i] - ((left[i] + r.above[i]) >> 1));
}

// W3C PNG section 9.4, with selections instead of branches.
OPTIMILTER_INLINE void filter_paeth(const Rows& r, std::uint8_t* __restrict to) {
    const std::uint8_t* left = r.row - r.distance;
    const std::uint8_t* corner = r.above - r.distance;
    for (std::size_t i = 0; i < r.size; ++i) {
        const auto a = static_cast<std::int16_t>(left[i]);
        const auto b = static_cast<std::int16_t>(r.above[i]);
        const auto c = static_cast<std::int16_t>(corner[i]);
        const auto to_a = static_cast<std::int16_t>(b - c);
        const auto to_b = static_cast<std::int16_t>(a - c);
        const auto to_c = static_cast<std::int16_t>(to_a + to_b);
        const auto pa = static_cast<std::int16_t>(to_a < 0 ? -to_a : to_a);
        const auto pb = static_cast<std::int16_t>(to_b < 0 ? -to_b : to_b);
        const auto pc = static_cast<std::int16_t>(to_c < 0 ? -to_c : to_c);
        const std::int16_t b_or_c = pb <= pc ? b : c;
        const std::int16_t least = pb <= pc ? pb : pc;
        const std::int16_t predicted = pa <= least ? a : b_or_c;
        to[i] = static_cast<std::uint8_t>(r.row[i] - predicted);
    }
}

OPTIMILTER_INLINE void apply_any_filter(unsigned filter, const Rows& rows, std::uint8_t* to) {
    switch (filter) {
        case 0:
            std::memcpy(to, rows.row, rows.size);
            return;
        case 1:
            return filter_sub(rows, to);
        case 2:
            return filter_up(rows, to);
        case 3:
            return filter_average(rows, to);
        default:
            return filter_paeth(rows, to);
    }
}

OPTIMILTER_INLINE double any_sum_of_differences(const std::uint8_t* bytes, std::size_t size) {
    std::uint64_t total = 0;
    // Short runs keep the sum in 32 bits, which vectors better.
    for (std::size_t begin = 0; begin < size; begin += 65536) {
        const std::size_t end = std::min(size, begin + 65536);
        std::uint32_t sum = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const auto negative = static_cast<std::uint8_t>(-bytes[i]);
            sum += std::min(bytes[i], negative);
        }
        total += sum;
    }
    return static_cast<double>(total);
}

// The loops above, once as the compiler was told for all code and once for machines with AVX2.
void apply_filter_portably(unsigned filter, const Rows& rows, std::uint8_t* to) {
    apply_any_filter(filter, rows, to);
}
double sum_of_differences_portably(const std::uint8_t* bytes, std::size_t size) {
    return any_sum_of_differences(bytes, size);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void apply_filter_avx2(unsigned filter, const Rows& rows, std::uint8_t* to) {
    apply_any_filter(filter, rows, to);
}
OPTIMILTER_AVX2 double sum_of_differences_avx2(const std::uint8_t* bytes, std::size_t size) {
    return any_sum_of_differences(bytes, size);
}
#endif

struct RowCode {
    void (*apply_filter)(unsigned filter, const Rows& rows, std::uint8_t* to);
    double (*sum_of_differences)(const std::uint8_t* bytes, std::size_t size);
};
constexpr RowCode kPortableCode = {apply_filter_portably, sum_of_differences_portably};

const RowCode& row_code([[maybe_unused]] FilterCode code) {
#if defined(__x86_64__)
    static constexpr RowCode kAvx2Code = {apply_filter_avx2, sum_of_differences_avx2};
    if (code == FilterCode::kBest && has_avx2()) return kAvx2Code;
#endif
    return kPortableCode;
}

// What the counts of a row's bytes cost, n log2(n) for small n from a table: logarithms take longer than
// counting.
double entropy(const std::uint8_t* bytes, std::size_t size) {
    static const std::array<double, 1024> terms = [] {
        std::array<double, 1024> made{};
        for (std::size_t n = 1; n < made.size(); ++n)
            made[n] = static_cast<double>(n) * std::log2(static_cast<double>(n));
        return made;
    }();
    // Two tables, so that runs of one value do not wait for their own counter.
    std::array<std::uint32_t, 256> even{};
    std::array<std::uint32_t, 256> odd{};
    std::size_t i = 0;
    for (; i + 1 < size; i += 2) {
        ++even[bytes[i]];
        ++odd[bytes[i + 1]];
    }
    if (i < size) ++even[bytes[i]];
    double bits = 0;
    for (std::size_t v = 0; v < 256; ++v) {
        const std::uint32_t n = even[v] + odd[v];
        bits -= n < terms.size() ? terms[n] : n * std::log2(static_cast<double>(n));
    }
    return bits;
}

// Counts the different pairs of neighbouring bytes in a row.
class BigramCounter {
  public:
    // The count, or more than at_most as soon as that is sure.
    std::size_t count(const std::uint8_t* bytes, std::size_t size, std::size_t at_most) {
        // A mark for each call instead of a table that is cleared: what is stored never depends on what was
        // read, so pairs that repeat wait for nothing.
        if (++mark_ == 0) {
            seen_.assign(seen_.size(), 0);
            mark_ = 1;
        }
        constexpr std::size_t kBetweenLooks = 256;
        std::size_t count = 0;
        for (std::size_t i = 1; i < size && count <= at_most;) {
            const std::size_t end = std::min(size, i + kBetweenLooks);
            for (; i < end; ++i) {
                std::uint8_t& seen = seen_[static_cast<std::size_t>(bytes[i - 1]) << 8 | bytes[i]];
                count += seen != mark_;
                seen = mark_;
            }
        }
        return count;
    }

  private:
    std::vector<std::uint8_t> seen_ = std::vector<std::uint8_t>(65536);
    std::uint8_t mark_ = 0;
};

// Filters row after row; owns the few rows it needs.
class RowFilter {
  public:
    RowFilter(const PngPicture& picture, FilterStrategy strategy, const RowCode& code)
        : code_(code),
          strategy_(strategy),
          size_(picture.row_bytes()),
          distance_(picture.layout.filter_distance()),
          rows_(2 * (size_ + distance_)),
          trial_(size_) {}

    // Writes the filter byte and the filtered row.
    void filter(ByteView row, std::uint8_t* to) {
        std::uint8_t* current = rows_.data() + (odd_ ? size_ + distance_ : 0) + distance_;
        const std::uint8_t* above = rows_.data() + (odd_ ? 0 : size_ + distance_) + distance_;
        std::memcpy(current, row.data(), size_);
        odd_ = !odd_;
        const Rows rows{current, above, size_, distance_};
        if (strategy_ <= FilterStrategy::kPaeth) {
            to[0] = static_cast<std::uint8_t>(strategy_);
            code_.apply_filter(to[0], rows, to + 1);
        } else {
            choose(rows, to);
        }
    }

  private:
    // The filter of the row before first: rows are alike, and a low bound ends the counting of the others
    // early. Of equals the first in the order of the format counts.
    void choose(const Rows& rows, std::uint8_t* to) {
        double best = std::numeric_limits<double>::infinity();
        const unsigned likeliest = latest_;
        for (unsigned i = 0; i < kFilterCount; ++i) {
            const unsigned filter = i == 0 ? likeliest : i <= likeliest ? i - 1 : i;
            code_.apply_filter(filter, rows, trial_.data());
            const double cost = measure(best);
            if (cost > best || (cost == best && filter > latest_)) continue;
            best = cost;
            latest_ = filter;
            std::memcpy(to + 1, trial_.data(), size_);
        }
        to[0] = static_cast<std::uint8_t>(latest_);
    }

    // What the trial row costs; anything more than best where it costs more.
    double measure(double best) {
        switch (strategy_) {
            case FilterStrategy::kEntropy:
                return entropy(trial_.data(), size_);
            case FilterStrategy::kBigrams:
                return static_cast<double>(bigrams_.count(
                    trial_.data(), size_, best < 65536 ? static_cast<std::size_t>(best) : 65536));
            default:
                return code_.sum_of_differences(trial_.data(), size_);
        }
    }

    const RowCode& code_;
    FilterStrategy strategy_;
    std::size_t size_;
    std::size_t distance_;
    Bytes rows_;
    Bytes trial_;
    BigramCounter bigrams_;
    unsigned latest_ = 0;
    bool odd_ = false;
};

}  // namespace

Result<Bytes> filter_picture(const PngPicture& picture, FilterStrategy strategy, Deadline deadline,
                             FilterCode code) {
    const std::size_t stride = picture.row_bytes() + 1;
    Bytes scanlines(stride * picture.height);
    RowFilter filter(picture, strategy, row_code(code));
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        if (y % kRowsPerDeadlineCheck == 0 && deadline.expired())
            return Error{ErrorCode::kDeadline, "deadline"};
        filter.filter(picture.row(y), scanlines.data() + y * stride);
    }
    return scanlines;
}

}  // namespace optimilter
