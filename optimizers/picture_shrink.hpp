// SPDX-License-Identifier: Apache-2.0
//
// Scaling down with a proper filter (Lanczos, three lobes), fed row by row, so that a decoder need not keep
// the large picture: a few rows of numbers are all that is held besides the result. Knows no formats and no
// alpha. The same rows give the same samples on every machine: vector code adds in the same order. One
// object, one picture, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "optimizers/picture_scale.hpp"

namespace optimilter {

// Which code filters: the best for this machine, or the one for all machines; both give the same samples.
enum class ShrinkCode { kBest, kPortable };

// What becomes of the colours on the way: RGB may leave as YCbCr (BT.601 in full range, as JFIF has it).
enum class ShrinkColors { kKept, kRgbToYCbCr };

// Of one direction: the weights of the source samples that make each sample of the result.
struct ShrinkTaps {
    struct Window {
        std::uint32_t first = 0;  // of the source
        std::uint32_t count = 0;  // at least 1
        std::size_t weights_at = 0;
    };
    std::vector<Window> windows;  // in order: neither first nor end ever goes back
    std::vector<float> weights;   // those of a window add up to 1
};

// Sample: std::uint8_t or std::uint16_t.
template <typename Sample>
class PictureShrinker {
  public:
    // channels: interleaved samples of a pixel, 1, 3 or 4; 3, and 8 bits each, for kRgbToYCbCr. No side of
    // from or to is 0.
    PictureShrinker(PictureSize from, unsigned channels, PictureSize to,
                    ShrinkColors colors = ShrinkColors::kKept, ShrinkCode code = ShrinkCode::kBest);

    // The next row of the source, from.width * channels samples; at most from.height of them.
    void add_row(const Sample* row);
    // The whole result, rows without padding, once all rows were added.
    std::vector<Sample> take() { return std::move(result_); }

  private:
    struct Loops;
    static const Loops& loops(ShrinkCode code);

    float* sums_of(std::size_t row) { return sums_.data() + row % held_rows_ * sums_stride_; }
    void add_batch();
    void finish_rows();

    const Loops& loops_;
    ShrinkTaps across_;
    ShrinkTaps down_;
    std::size_t channels_;
    ShrinkColors colors_;
    std::size_t row_samples_;    // of the source
    std::size_t held_rows_;      // rows of the result that are being summed up or wait for their like
    std::vector<Sample> batch_;  // rows of the source that wait to be added together
    std::vector<float> tile_;    // a part of each of them
    std::size_t sums_stride_;
    std::vector<float> sums_;           // the held rows, at the source's width
    std::vector<float> lanes_;          // samples of a few rows side by side
    std::vector<Sample> narrow_lanes_;  // the same of the result
    std::size_t source_rows_;
    std::size_t batch_from_ = 0;  // its first row
    std::size_t next_row_ = 0;    // of the source
    std::size_t open_row_ = 0;    // the first row of the result that lacks source rows
    std::size_t ready_row_ = 0;   // the first row of the result that was not made narrow
    std::vector<Sample> result_;
};

extern template class PictureShrinker<std::uint8_t>;
extern template class PictureShrinker<std::uint16_t>;

}  // namespace optimilter
