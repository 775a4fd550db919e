// SPDX-License-Identifier: Apache-2.0
//
// What a TIFF file may cost: pixels and samples, spent before anything is allocated, and time, foretold from
// sizes and corrected by what decoding really took, since libtiff cannot be interrupted within a strip.
// Single-threaded: one file, one pace.
#pragma once

#include <algorithm>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/tiff_page.hpp"

namespace optimilter {

constexpr std::size_t kMostTiffPages = 1000;

inline Status spend_tiff_budget(const TiffPage& page, Budget& budget) {
    if (!budget.spend_pixels(page.pixels()))
        return Error{ErrorCode::kLimit, "more pixels than the budget allows"};
    if (!budget.spend_expanded_bytes(page.sample_bytes()))
        return Error{ErrorCode::kLimit, "more sample bytes than the budget allows"};
    return Success{};
}

class TiffPace {
  public:
    bool allows_decoding(std::uint64_t sample_bytes, Deadline deadline) const {
        return verify_ms(sample_bytes) + decode_ms(sample_bytes) <
               static_cast<double>(deadline.remaining_ms());
    }
    // The moment by which coding has to end so that all that was recoded can be verified.
    Deadline before_verifying(std::uint64_t sample_bytes, Deadline deadline) const {
        const auto reserved = static_cast<std::int64_t>(verify_ms(sample_bytes));
        return Deadline::in_ms(std::max<std::int64_t>(0, deadline.remaining_ms() - reserved));
    }
    void learn_decoding(std::uint64_t sample_bytes, double took_ms) {
        decoded_ += sample_bytes;
        decoded_ms_ += took_ms;
    }
    void will_verify(std::uint64_t sample_bytes) { to_verify_ += sample_bytes; }

  private:
    // Bytes a millisecond, a quarter of what LZW took; believed until a megabyte has told better.
    static constexpr double kDecodeSpeed = 25'000.0;
    static constexpr std::uint64_t kTellsSpeed = 1u << 20;
    // Verifying decodes the page and its copy, row by row; and something for writing.
    static constexpr double kVerifyCost = 4.0;
    static constexpr double kFinishMs = 3.0;

    double decode_ms(std::uint64_t sample_bytes) const {
        const auto size = static_cast<double>(sample_bytes);
        if (decoded_ < kTellsSpeed) return size / kDecodeSpeed;
        return size * decoded_ms_ / static_cast<double>(decoded_);
    }
    double verify_ms(std::uint64_t more_bytes) const {
        return kFinishMs + kVerifyCost * decode_ms(to_verify_ + more_bytes);
    }

    std::uint64_t decoded_ = 0;
    double decoded_ms_ = 0;
    std::uint64_t to_verify_ = 0;
};

}  // namespace optimilter
