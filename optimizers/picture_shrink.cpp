// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_shrink.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "optimizers/vector_code.hpp"

namespace optimilter {

namespace {

constexpr double kLobes = 3;
constexpr std::size_t kLanes = 8;  // rows that are made narrow together
// Source rows are added in batches, a part of their width at a time: what is summed up then stays in
// registers and the nearest cache.
constexpr std::size_t kBatchRows = 16;
constexpr std::size_t kTileWidth = 256;  // in samples
constexpr std::size_t kAtOnce = 64;      // samples in registers
static_assert(kTileWidth % kAtOnce == 0);

double sinc(double x) {
    return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x);
}

double lanczos(double x) {
    return std::abs(x) < kLobes ? sinc(x) * sinc(x / kLobes) : 0;
}

// The filter is as wide as the source samples that one of the result covers; at the edges it is cut off.
ShrinkTaps make_taps(std::uint32_t from, std::uint32_t to) {
    const double scale = static_cast<double>(from) / to;
    const double stretch = std::max(1.0, scale);
    ShrinkTaps taps;
    for (std::uint32_t i = 0; i < to; ++i) {
        const double middle = (i + 0.5) * scale;
        const double first = std::max(0.0, std::ceil(middle - kLobes * stretch - 0.5));
        const double last = std::min(from - 1.0, std::floor(middle + kLobes * stretch - 0.5));
        ShrinkTaps::Window window{static_cast<std::uint32_t>(first),
                                  static_cast<std::uint32_t>(last - first) + 1, taps.weights.size()};
        std::vector<double> weights;
        double sum = 0;
        for (double at = first; at <= last; ++at) {
            weights.push_back(lanczos((at + 0.5 - middle) / stretch));
            sum += weights.back();
        }
        for (const double weight : weights) taps.weights.push_back(static_cast<float>(weight / sum));
        taps.windows.push_back(window);
    }
    return taps;
}

// Rows of the result whose windows reach into one and the same batch of source rows, at most.
std::size_t most_open_rows(const ShrinkTaps& taps, std::size_t source_rows) {
    std::size_t most = 0;
    std::size_t oldest = 0;
    std::size_t end = 0;
    for (std::size_t from = 0; from < source_rows; from += kBatchRows) {
        while (taps.windows[oldest].first + taps.windows[oldest].count <= from) ++oldest;
        while (end < taps.windows.size() && taps.windows[end].first < from + kBatchRows) ++end;
        most = std::max(most, end - oldest);
    }
    return most;
}

// ---- The loops over samples.

using Eight = float __attribute__((vector_size(32)));
using EightNumbers = std::int32_t __attribute__((vector_size(32)));
static_assert(sizeof(Eight) == kLanes * sizeof(float));

// By reference: a vector by value has a calling convention of its own on each kind of machine.
OPTIMILTER_INLINE void load(const float* from, Eight& samples) {
    std::memcpy(&samples, from, sizeof samples);
}
OPTIMILTER_INLINE void add_weighted(const float* from, float weight, Eight& sum) {
    Eight samples;
    load(from, samples);
    sum += weight * samples;
}

template <typename Sample>
OPTIMILTER_INLINE void any_to_numbers(const Sample* __restrict row, std::size_t size, float* __restrict to) {
    for (std::size_t i = 0; i < size; ++i) to[i] = static_cast<float>(row[i]);
}

// On top of sums, of which size are wanted and as many are there as fill the registers: count rows of the
// tile, each times its weight.
OPTIMILTER_INLINE void any_add(const float* __restrict tile, const float* __restrict weights,
                               std::size_t count, std::size_t size, float* __restrict sums) {
    for (std::size_t at = 0; at < size; at += kAtOnce) {
        Eight held[kAtOnce / kLanes];
        for (std::size_t i = 0; i < kAtOnce / kLanes; ++i) load(sums + at + i * kLanes, held[i]);
        for (std::size_t row = 0; row < count; ++row) {
            const float* const samples = tile + row * kTileWidth + at;
            for (std::size_t i = 0; i < kAtOnce / kLanes; ++i)
                add_weighted(samples + i * kLanes, weights[row], held[i]);
        }
        for (std::size_t i = 0; i < kAtOnce / kLanes; ++i)
            std::memcpy(sums + at + i * kLanes, &held[i], sizeof(Eight));
    }
}

// size samples of kLanes rows, side by side; and back.
OPTIMILTER_INLINE void any_interleave(const float* const* rows, std::size_t size, float* __restrict to) {
    for (std::size_t i = 0; i < size; ++i)
        for (std::size_t lane = 0; lane < kLanes; ++lane) to[i * kLanes + lane] = rows[lane][i];
}
template <typename Sample>
OPTIMILTER_INLINE void any_separate(const Sample* __restrict lanes, std::size_t size, Sample* const* rows) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        Sample* __restrict to = rows[lane];
        for (std::size_t i = 0; i < size; ++i) to[i] = lanes[i * kLanes + lane];
    }
}

OPTIMILTER_INLINE void any_to_ycbcr(Eight* pixel) {
    const Eight r = pixel[0], g = pixel[1], b = pixel[2];
    pixel[0] = 0.299f * r + 0.587f * g + 0.114f * b;
    pixel[1] = -0.168735892f * r - 0.331264108f * g + 0.5f * b + 128.0f;
    pixel[2] = 0.5f * r - 0.418687589f * g - 0.081312411f * b + 128.0f;
}

// To whole numbers from 0 to top.
OPTIMILTER_INLINE void any_round(const Eight& sums, std::int32_t top, std::int32_t* __restrict to) {
    const Eight raised = sums + 0.5f;
    EightNumbers numbers = __builtin_convertvector(raised, EightNumbers);
    numbers = numbers < 0 ? EightNumbers{} : numbers;
    numbers = numbers > top ? EightNumbers{} + top : numbers;
    std::memcpy(to, &numbers, sizeof numbers);
}

template <std::size_t kChannels>
OPTIMILTER_INLINE void any_add_tap(const float* __restrict from, const float* __restrict weights,
                                   std::size_t tap, Eight* sums) {
    for (std::size_t channel = 0; channel < kChannels; ++channel)
        add_weighted(from + (tap * kChannels + channel) * kLanes, weights[tap], sums[channel]);
}

// One pixel of kLanes rows.
template <std::size_t kChannels, bool kToYCbCr, typename Sample>
OPTIMILTER_INLINE void any_pixel(const float* __restrict from, const float* __restrict weights,
                                 std::size_t count, Sample* __restrict to) {
    Eight sums[kChannels] = {};
    Eight others[kChannels] = {};  // of every other tap, so that additions need not wait for one another
    std::size_t tap = 0;
    for (; tap + 2 <= count; tap += 2) {
        any_add_tap<kChannels>(from, weights, tap, sums);
        any_add_tap<kChannels>(from, weights, tap + 1, others);
    }
    if (tap < count) any_add_tap<kChannels>(from, weights, tap, sums);
    for (std::size_t channel = 0; channel < kChannels; ++channel) sums[channel] += others[channel];
    if constexpr (kToYCbCr) any_to_ycbcr(sums);
    std::int32_t rounded[kChannels * kLanes];
    for (std::size_t channel = 0; channel < kChannels; ++channel)
        any_round(sums[channel], std::numeric_limits<Sample>::max(), rounded + channel * kLanes);
    for (std::size_t i = 0; i < kChannels * kLanes; ++i) to[i] = static_cast<Sample>(rounded[i]);
}

template <std::size_t kChannels, bool kToYCbCr = false, typename Sample>
OPTIMILTER_INLINE void any_narrow(const float* lanes, const ShrinkTaps& taps, Sample* to) {
    for (const ShrinkTaps::Window& window : taps.windows) {
        any_pixel<kChannels, kToYCbCr>(lanes + window.first * kChannels * kLanes,
                                       taps.weights.data() + window.weights_at, window.count, to);
        to += kChannels * kLanes;
    }
}

template <typename Sample>
OPTIMILTER_INLINE void any_narrow_of(std::size_t channels, ShrinkColors colors, const float* lanes,
                                     const ShrinkTaps& taps, Sample* to) {
    if (colors == ShrinkColors::kRgbToYCbCr) return any_narrow<3, true>(lanes, taps, to);
    if (channels == 1) return any_narrow<1>(lanes, taps, to);
    if (channels == 3) return any_narrow<3>(lanes, taps, to);
    return any_narrow<4>(lanes, taps, to);
}

// The loops above, once as the compiler was told for all code and once for machines with AVX2 (whose fused
// multiplications would round otherwise and are not used).
template <typename Sample>
void to_numbers_portably(const Sample* row, std::size_t size, float* to) {
    any_to_numbers(row, size, to);
}
void add_portably(const float* tile, const float* weights, std::size_t count, std::size_t size, float* sums) {
    any_add(tile, weights, count, size, sums);
}
void interleave_portably(const float* const* rows, std::size_t size, float* to) {
    any_interleave(rows, size, to);
}
template <typename Sample>
void narrow_portably(std::size_t channels, ShrinkColors colors, const float* lanes, const ShrinkTaps& taps,
                     Sample* to) {
    any_narrow_of(channels, colors, lanes, taps, to);
}
template <typename Sample>
void separate_portably(const Sample* lanes, std::size_t size, Sample* const* rows) {
    any_separate(lanes, size, rows);
}
#if defined(__x86_64__)
template <typename Sample>
OPTIMILTER_AVX2 void to_numbers_avx2(const Sample* row, std::size_t size, float* to) {
    any_to_numbers(row, size, to);
}
OPTIMILTER_AVX2 void add_avx2(const float* tile, const float* weights, std::size_t count, std::size_t size,
                              float* sums) {
    any_add(tile, weights, count, size, sums);
}
OPTIMILTER_AVX2 void interleave_avx2(const float* const* rows, std::size_t size, float* to) {
    any_interleave(rows, size, to);
}
template <typename Sample>
OPTIMILTER_AVX2 void narrow_avx2(std::size_t channels, ShrinkColors colors, const float* lanes,
                                 const ShrinkTaps& taps, Sample* to) {
    any_narrow_of(channels, colors, lanes, taps, to);
}
template <typename Sample>
OPTIMILTER_AVX2 void separate_avx2(const Sample* lanes, std::size_t size, Sample* const* rows) {
    any_separate(lanes, size, rows);
}
#endif

}  // namespace

template <typename Sample>
struct PictureShrinker<Sample>::Loops {
    void (*to_numbers)(const Sample* row, std::size_t size, float* to);
    void (*add)(const float* tile, const float* weights, std::size_t count, std::size_t size, float* sums);
    void (*interleave)(const float* const* rows, std::size_t size, float* to);
    void (*narrow)(std::size_t channels, ShrinkColors colors, const float* lanes, const ShrinkTaps& taps,
                   Sample* to);
    void (*separate)(const Sample* lanes, std::size_t size, Sample* const* rows);
};

template <typename Sample>
const typename PictureShrinker<Sample>::Loops& PictureShrinker<Sample>::loops(
    [[maybe_unused]] ShrinkCode code) {
    static constexpr Loops kPortable = {to_numbers_portably<Sample>, add_portably, interleave_portably,
                                        narrow_portably<Sample>, separate_portably<Sample>};
#if defined(__x86_64__)
    static constexpr Loops kAvx2 = {to_numbers_avx2<Sample>, add_avx2, interleave_avx2, narrow_avx2<Sample>,
                                    separate_avx2<Sample>};
    if (code == ShrinkCode::kBest && has_avx2()) return kAvx2;
#endif
    return kPortable;
}

template <typename Sample>
PictureShrinker<Sample>::PictureShrinker(PictureSize from, unsigned channels, PictureSize to,
                                         ShrinkColors colors, ShrinkCode code)
    : loops_(loops(code)),
      across_(make_taps(from.width, to.width)),
      down_(make_taps(from.height, to.height)),
      channels_(channels),
      colors_(colors),
      row_samples_(std::size_t{from.width} * channels),
      held_rows_(most_open_rows(down_, from.height) + kLanes),
      batch_(kBatchRows * row_samples_),
      tile_(kBatchRows * kTileWidth),
      sums_stride_((row_samples_ + kAtOnce - 1) / kAtOnce * kAtOnce),
      sums_(held_rows_ * sums_stride_),
      lanes_(kLanes * row_samples_),
      narrow_lanes_(kLanes * to.width * channels),
      source_rows_(from.height),
      result_(std::size_t{to.width} * to.height * channels) {}

template <typename Sample>
void PictureShrinker<Sample>::add_row(const Sample* row) {
    std::copy_n(row, row_samples_, batch_.data() + (next_row_ - batch_from_) * row_samples_);
    ++next_row_;
    if (next_row_ - batch_from_ < kBatchRows && next_row_ < source_rows_) return;
    add_batch();
    batch_from_ = next_row_;
    const std::size_t rows = down_.windows.size();
    while (open_row_ - ready_row_ >= kLanes || (open_row_ == rows && ready_row_ < rows)) finish_rows();
}

template <typename Sample>
void PictureShrinker<Sample>::add_batch() {
    const std::vector<ShrinkTaps::Window>& windows = down_.windows;
    for (std::size_t at = 0; at < row_samples_; at += kTileWidth) {
        const std::size_t size = std::min(kTileWidth, row_samples_ - at);
        for (std::size_t y = batch_from_; y < next_row_; ++y) {
            const std::size_t row = y - batch_from_;
            loops_.to_numbers(batch_.data() + row * row_samples_ + at, size, tile_.data() + row * kTileWidth);
        }
        for (std::size_t i = open_row_; i < windows.size() && windows[i].first < next_row_; ++i) {
            const ShrinkTaps::Window& window = windows[i];
            const std::size_t begin = std::max<std::size_t>(window.first, batch_from_);
            const std::size_t end = std::min<std::size_t>(window.first + window.count, next_row_);
            float* const sums = sums_of(i) + at;
            if (begin == window.first) std::fill_n(sums, size, 0.0f);
            loops_.add(tile_.data() + (begin - batch_from_) * kTileWidth,
                       down_.weights.data() + window.weights_at + begin - window.first, end - begin, size,
                       sums);
        }
    }
    while (open_row_ < windows.size() && windows[open_row_].first + windows[open_row_].count <= next_row_)
        ++open_row_;
}

// The next rows become narrow; at the end of the picture the last of them stands in for those that are
// missing.
template <typename Sample>
void PictureShrinker<Sample>::finish_rows() {
    const float* wide[kLanes];
    Sample* narrow[kLanes];
    const std::size_t stride = across_.windows.size() * channels_;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const std::size_t row = std::min(ready_row_ + lane, open_row_ - 1);
        wide[lane] = sums_of(row);
        narrow[lane] = result_.data() + row * stride;
    }
    loops_.interleave(wide, row_samples_, lanes_.data());
    loops_.narrow(channels_, colors_, lanes_.data(), across_, narrow_lanes_.data());
    loops_.separate(narrow_lanes_.data(), stride, narrow);
    ready_row_ = std::min(ready_row_ + kLanes, open_row_);
}

template class PictureShrinker<std::uint8_t>;
template class PictureShrinker<std::uint16_t>;

}  // namespace optimilter
