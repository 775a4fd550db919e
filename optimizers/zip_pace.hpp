// SPDX-License-Identifier: Apache-2.0
//
// What still fits before the deadline: libdeflate calls cannot be interrupted, so their cost is foretold from
// the size and the level and corrected by what the calls before really took. Single-threaded: one archive,
// one pace.
#pragma once

#include <cstdint>
#include <optional>

#include "optimizers/budget.hpp"
#include "optimizers/options.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// For members that are compressed already; the slow levels find nothing more in them.
constexpr int kMediaLevel = 6;

// libdeflate's levels for members of up to a megabyte, and for larger ones.
struct DeflateLevels {
    int small;
    int large;
};
DeflateLevels zip_levels(std::uint8_t effort);

class ZipPace {
  public:
    // file_size_bytes: of the archive, which is written once more at the end. entries: all it has, since
    // verifying visits every one.
    ZipPace(const Budget& budget, std::size_t file_size_bytes, std::size_t entries,
            DeflateLevels levels = zip_levels(kEffortDefault))
        : budget_(budget), file_size_(file_size_bytes), entries_(entries), levels_(levels) {}

    // true when what is left is needed for finishing.
    bool time_is_up() const {
        const Deadline deadline = budget_.deadline();
        return deadline.short_of_time(deadline.remaining_ms() <= finish_ms(0));
    }
    bool allows_inflating(std::uint64_t size_bytes) const;

    // The level that a member of this size gets: the same for the same size, so that a second pass finds
    // nothing to do, and a lower one only when the better does not fit any more; nothing when none does.
    std::optional<int> level_for(std::uint64_t size_bytes, bool media) const;

    // What calls took; small ones teach nothing.
    void learn_deflating(std::uint64_t size_bytes, int level, double took_ms);
    void learn_inflating(std::uint64_t size_bytes, double took_ms);

    // A member of this size was replaced and will be verified.
    void will_verify(std::uint64_t size_bytes) { to_verify_ += size_bytes; }

    // Time to keep for writing and verifying, should one more member of this size be replaced.
    std::int64_t finish_ms(std::uint64_t size_bytes) const;

    // Time to keep from a member's own optimizer: finishing, and a quarter of what is left, because no
    // optimizer stops to the millisecond and one that is late must not cost the whole archive.
    std::int64_t reserve_ms(std::uint64_t size_bytes) const {
        return finish_ms(size_bytes) + budget_.deadline().remaining_ms() / 4;
    }

  private:
    double inflate_ms(std::uint64_t size_bytes) const;

    const Budget& budget_;
    std::uint64_t file_size_;
    std::uint64_t entries_;
    DeflateLevels levels_;
    std::uint64_t to_verify_ = 0;  // bytes
    std::uint64_t inflated_ = 0;   // bytes
    double inflated_ms_ = 0;
    double slowness_ = 1.0;  // real cost of deflating over foretold cost
};

}  // namespace optimilter
