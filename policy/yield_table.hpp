// SPDX-License-Identifier: Apache-2.0
//
// What work on a kind of file pays: bytes saved a CPU millisecond, learned from results, by format and size
// class (powers of two). Under load the kinds that pay least are left first (policy/load_controller). Knows
// no mail and no clock. Bounded: one fixed table, about 10 KiB, whatever is noted. Thread safe: one mutex,
// held for a few instructions.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

#include "optimizers/format.hpp"

namespace optimilter {

class YieldTable {
  public:
    // Begins with what bench/RESULTS.md found, until results say otherwise.
    YieldTable();

    // Bytes saved a CPU ms, to be expected of a file of this format and decoded size in bytes. 0 for formats
    // that are never worked on.
    double expected(Format format, std::size_t decoded_size) const;

    // A file was worked on: saved_bytes (0 when the original stayed, for whatever reason) for cpu_ms of the
    // worker. The last few dozen results of a kind make its figure. What is no number is not noted.
    void note(Format format, std::size_t decoded_size, std::size_t saved_bytes, double cpu_ms);

  private:
    static constexpr std::size_t kFormats = static_cast<std::size_t>(Format::kCount_);
    static constexpr std::size_t kSizeClasses = 20;

    // Sums in which a result counts less the longer ago it was; their ratio is the yield.
    struct Kind {
        double saved_bytes = 0;
        double cpu_ms = 0;
    };

    static std::size_t size_class(std::size_t decoded_size);

    mutable std::mutex mutex_;
    std::array<std::array<Kind, kSizeClasses>, kFormats> kinds_;  // guarded by mutex_
};

}  // namespace optimilter
