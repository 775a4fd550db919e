// SPDX-License-Identifier: Apache-2.0
//
// For targets whose inputs have a structure that plain byte changes destroy: a step of libFuzzer's own
// mutation on a piece of the input, small random numbers, and the loop that every custom mutator shares. In
// programs without libFuzzer the custom mutators are never called. Single-threaded.
#pragma once

#include <algorithm>
#include <cstring>
#include <random>

#include "fuzz/fuzz_target.hpp"

#ifdef OPTIMILTER_LIBFUZZER
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* bytes, std::size_t size, std::size_t max_size);
#else
inline std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) {
    return size;
}
#endif

namespace optimilter::fuzz {

class Chance {
  public:
    explicit Chance(unsigned seed) : random_(seed) {}
    std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
    bool one_in(std::size_t n) { return below(n) == 0; }
    unsigned next() { return static_cast<unsigned>(random_()); }

  private:
    std::minstd_rand random_;
};

// One step of libFuzzer's on a copy that may grow by a few bytes.
inline Bytes mutated(ByteView bytes, std::size_t room = 64) {
    Bytes copy = bytes_of(bytes);
    copy.resize(bytes.size() + room);
    copy.resize(LLVMFuzzerMutate(copy.data(), bytes.size(), copy.size()));
    return copy;
}

// The body of LLVMFuzzerCustomMutator: change is asked for a new input, and every fourth time, or when it has
// none (an empty answer or one too long), the plain bytes are changed.
template <typename Change>
std::size_t mutate_by(std::uint8_t* bytes, std::size_t size, std::size_t max_size, unsigned seed,
                      Change&& change) {
    Chance chance(seed);
    if (!chance.one_in(4)) {
        const Bytes made = change(ByteView(bytes, size), chance);
        if (!made.empty() && made.size() <= max_size) {
            std::memcpy(bytes, made.data(), made.size());
            return made.size();
        }
    }
    return LLVMFuzzerMutate(bytes, size, max_size);
}

}  // namespace optimilter::fuzz
