// SPDX-License-Identifier: Apache-2.0
#include "optimizers/score_windows.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

// Sums over 4x4 blocks, one after the other across the plane, each kind apart so that vectors can hold them.
struct BlockSums {
    explicit BlockSums(std::size_t blocks) : a(blocks), b(blocks), aa(blocks), bb(blocks), dd(blocks) {}
    std::vector<std::int32_t> a, b;    // samples
    std::vector<std::int32_t> aa, bb;  // their squares
    std::vector<std::int32_t> dd;      // squared differences
};

// The same over columns of four samples.
struct ColumnSums {
    explicit ColumnSums(std::size_t width) : a(width), b(width), aa(width), bb(width), dd(width) {}
    std::vector<std::int32_t> a, b, aa, bb, dd;
};

OPTIMILTER_INLINE void add_columns(const std::uint8_t* __restrict a, const std::uint8_t* __restrict b,
                                   std::size_t width, std::size_t stride, ColumnSums& sums) {
    std::int32_t* __restrict sum_a = sums.a.data();
    std::int32_t* __restrict sum_b = sums.b.data();
    std::int32_t* __restrict sum_aa = sums.aa.data();
    std::int32_t* __restrict sum_bb = sums.bb.data();
    std::int32_t* __restrict sum_dd = sums.dd.data();
    for (std::size_t x = 0; x < width; ++x) {
        std::int32_t va = 0, vb = 0, aa = 0, bb = 0, dd = 0;
        for (std::size_t y = 0; y < 4; ++y) {
            const std::int16_t p = a[x + y * stride];
            const std::int16_t q = b[x + y * stride];
            const auto d = static_cast<std::int16_t>(p - q);
            va += p;
            vb += q;
            aa += p * p;
            bb += q * q;
            dd += d * d;
        }
        sum_a[x] = va;
        sum_b[x] = vb;
        sum_aa[x] = aa;
        sum_bb[x] = bb;
        sum_dd[x] = dd;
    }
}

OPTIMILTER_INLINE void add_fours(const std::vector<std::int32_t>& columns,
                                 std::vector<std::int32_t>& blocks) {
    const std::int32_t* __restrict from = columns.data();
    std::int32_t* __restrict to = blocks.data();
    for (std::size_t i = 0; i < blocks.size(); ++i)
        to[i] = from[4 * i] + from[4 * i + 1] + from[4 * i + 2] + from[4 * i + 3];
}

OPTIMILTER_INLINE void sum_blocks(const ScorePlane& a, const ScorePlane& b, std::size_t y,
                                  ColumnSums& columns, BlockSums& blocks) {
    add_columns(a.row(y), b.row(y), a.width(), a.width(), columns);
    add_fours(columns.a, blocks.a);
    add_fours(columns.b, blocks.b);
    add_fours(columns.aa, blocks.aa);
    add_fours(columns.bb, blocks.bb);
    add_fours(columns.dd, blocks.dd);
}

// What hides an error of a sample: kQuiet is what a flat window hides, kBusy the part of what moves in it.
// Found together with the weights of picture_score.cpp (doc/score.md).
constexpr float kQuiet = 64;
constexpr float kBusy = 16;

// e^4 of every window whose upper blocks are above and lower ones below.
OPTIMILTER_INLINE void window_errors(const BlockSums& above, const BlockSums& below,
                                     std::vector<float>& errors) {
    const auto four = [](const std::vector<std::int32_t>& p, const std::vector<std::int32_t>& q,
                         std::size_t x) { return p[x] + p[x + 1] + q[x] + q[x + 1]; };
    for (std::size_t x = 0; x < errors.size(); ++x) {
        const std::int32_t a = four(above.a, below.a, x);
        const std::int32_t b = four(above.b, below.b, x);
        // 64 * 64 times the variances, exact.
        const std::int32_t spread_a = 64 * four(above.aa, below.aa, x) - a * a;
        const std::int32_t spread_b = 64 * four(above.bb, below.bb, x) - b * b;
        const auto deviation = std::sqrt(static_cast<float>(std::min(spread_a, spread_b))) / 64;
        const auto square =
            static_cast<float>(four(above.dd, below.dd, x)) / 64 / (kQuiet + kBusy * deviation);
        errors[x] = square * square;
    }
}

OPTIMILTER_INLINE void add_to_tiles(const std::vector<float>& errors, std::size_t tile_windows,
                                    TileErrors* tiles) {
    for (std::size_t x = 0; x < errors.size(); x += tile_windows, ++tiles) {
        const std::size_t end = std::min(errors.size(), x + tile_windows);
        for (std::size_t i = x; i < end; ++i) tiles->fourth_powers += errors[i];
        tiles->windows += static_cast<unsigned>(end - x);
    }
}

// Two planes, and where the errors of their windows go; see add_window_errors().
struct WindowJob {
    const ScorePlane& a;
    const ScorePlane& b;
    std::size_t tile_side;
    std::size_t band_rows;
    std::size_t columns;
    std::vector<TileErrors>& tiles;
};

OPTIMILTER_INLINE void any_window_errors(const WindowJob& job) {
    const std::size_t blocks = job.a.width() / 4;
    ColumnSums column_sums(job.a.width());
    BlockSums above(blocks);
    BlockSums below(blocks);
    std::vector<float> errors(blocks - 1);
    sum_blocks(job.a, job.b, 0, column_sums, above);
    for (std::size_t y = 0; y + 8 <= job.a.height() && y < job.band_rows; y += 4) {
        sum_blocks(job.a, job.b, y + 4, column_sums, below);
        window_errors(above, below, errors);
        add_to_tiles(errors, job.tile_side / 4, &job.tiles[y / job.tile_side * job.columns]);
        std::swap(above, below);
    }
}

// Once as the compiler was told for all code and once for machines with AVX2; sums are whole numbers and no
// multiplications are fused, so that both find the same.
void window_errors_portably(const WindowJob& job) {
    any_window_errors(job);
}
#if defined(__x86_64__)
OPTIMILTER_AVX2 void window_errors_avx2(const WindowJob& job) {
    any_window_errors(job);
}
#endif

}  // namespace

void add_window_errors(const ScorePlane& a, const ScorePlane& b, std::size_t tile_side, std::size_t band_rows,
                       std::size_t columns, std::vector<TileErrors>& tiles) {
    const WindowJob job{a, b, tile_side, band_rows, columns, tiles};
#if defined(__x86_64__)
    if (has_avx2()) return window_errors_avx2(job);
#endif
    window_errors_portably(job);
}

}  // namespace optimilter
