// SPDX-License-Identifier: Apache-2.0
//
// What still fits before the deadline: libdeflate calls cannot be interrupted, so their cost is foretold from
// the size and the level and corrected by what the calls before really took. Single-threaded: one archive,
// one pace.
#pragma once

#include <cstdint>
#include <optional>

#include "optimizers/budget.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

// For members that are compressed already; the slow levels find nothing more in them.
constexpr int kMediaLevel = 6;

class ZipPace {
  public:
    explicit ZipPace(const Budget& budget) : budget_(budget) {}

    bool time_is_up() const { return budget_.expired(); }
    bool allows_inflating(std::uint64_t size_bytes) const;

    // The level that a member of this size gets: the same for the same size, so that a second pass finds
    // nothing to do, and a lower one only when the better does not fit any more; nothing when none does.
    std::optional<int> level_for(std::uint64_t size_bytes, bool media) const;

    // What a call took; small calls teach nothing.
    void learn(std::uint64_t size_bytes, int level, double took_ms);

    // Time to keep for writing and verifying an archive, should all members change.
    static std::int64_t finish_ms(const ZipArchive& archive, std::size_t file_size_bytes);

  private:
    const Budget& budget_;
    double slowness_ = 1.0;  // real cost over foretold cost
};

}  // namespace optimilter
