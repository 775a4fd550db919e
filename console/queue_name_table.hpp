// SPDX-License-Identifier: Apache-2.0
//
// Names of messages, and since when they are where they are, for the many of a long queue: a name is a number
// of 64 bits and costs no allocation of its own. Not thread safe.
//
// Security: bounded by the number given to it; two names with one number, of all that are possible, would be
// taken for one message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace optimilter {

class QueueNameTable {
  public:
    static constexpr std::int64_t kNever = INT64_MIN;

    explicit QueueNameTable(std::size_t most) : most_(most) {}
    // Never 0.
    static std::uint64_t key_of(std::string_view name);

    // kNever when it is not in here.
    std::int64_t find(std::uint64_t key) const;
    bool has(std::uint64_t key) const { return find(key) != kNever; }
    // The first time counts. false: it is full. since_ms: not kNever.
    bool put(std::uint64_t key, std::int64_t since_ms);
    // Keeps its room for the next use, unless little of it was needed.
    void clear();

  private:
    struct Slot {
        std::uint64_t key = 0;  // 0: free
        std::int64_t since_ms = 0;
    };
    std::size_t place_of(std::uint64_t key) const;
    void grow();

    std::size_t most_;
    std::vector<Slot> slots_;  // a power of two; open addressing
    std::size_t used_ = 0;
};

}  // namespace optimilter
