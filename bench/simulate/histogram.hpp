// SPDX-License-Identifier: Apache-2.0
//
// Times counted in steps of 5 %, so that millions of them make a percentile in little memory. Not thread
// safe.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace optimilter::sim {

class Histogram {
  public:
    void add(double ms) {
        ++counts_[ms <= kLeast_ms
                      ? 0
                      : std::min(static_cast<std::size_t>(std::log(ms / kLeast_ms) / kStep) + 1, kBins - 1)];
        ++total_;
    }
    void add(const Histogram& other) {
        for (std::size_t i = 0; i < kBins; ++i) counts_[i] += other.counts_[i];
        total_ += other.total_;
    }
    void clear() { *this = Histogram(); }
    std::uint64_t total() const { return total_; }

    // Upper end of the step that holds it; 0 when nothing was counted. share: 0..1.
    double percentile(double share) const {
        if (total_ == 0) return 0;
        auto left = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
        std::size_t bin = 0;
        for (; bin + 1 < kBins && counts_[bin] < left; ++bin) left -= counts_[bin];
        return kLeast_ms * std::exp(kStep * static_cast<double>(bin));
    }

  private:
    static constexpr double kLeast_ms = 0.5;
    static constexpr double kStep = 0.05;
    static constexpr std::size_t kBins = 300;
    std::array<std::uint32_t, kBins> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace optimilter::sim
