// SPDX-License-Identifier: Apache-2.0
//
// What every fuzz target has in common: the entry point that libFuzzer and the replay program call, a promise
// that is checked (a broken one aborts, so that both report the input), and choices drawn from the input.
// Knows nothing of what is tested. Single-threaded.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);
// Targets that change inputs in a way of their own define this; see fuzz/mutation.hpp.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed);

namespace optimilter::fuzz {

// What holds for every input. why: foreign bytes belong through printable().
inline void promise(bool kept, std::string_view what, std::string_view why = {}) {
    if (kept) return;
    std::fprintf(stderr, "BROKEN PROMISE: %.*s%s%.*s\n", static_cast<int>(what.size()), what.data(),
                 why.empty() ? "" : ": ", static_cast<int>(why.size()), why.data());
    std::abort();
}

// FNV-1a: settings of a run that shall not cost input bytes are drawn from it.
inline std::uint64_t hash_of(ByteView bytes) {
    std::uint64_t hash = 0xCBF29CE484222325u;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3u;
    return hash ^ (hash >> 29);
}

inline std::string string_of(ByteView bytes) {
    return std::string(as_text(bytes));
}
inline Bytes bytes_of(ByteView view) {
    return Bytes(view.begin(), view.end());
}

// Takes numbers and texts off the front of an input. Past its end everything is zero or empty.
class Feed {
  public:
    explicit Feed(ByteView input) : rest_(input) {}

    bool empty() const { return rest_.empty(); }
    ByteView rest() const { return rest_; }
    ByteView take(std::size_t count) {
        const ByteView taken = rest_.first(count < rest_.size() ? count : rest_.size());
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : take(width)) value = (value << 8) | byte;
        return value;
    }
    std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
    // A byte of length, then so many bytes.
    std::string text() {
        const std::size_t length = byte();
        return string_of(take(length));
    }

  private:
    ByteView rest_;
};

}  // namespace optimilter::fuzz
