// SPDX-License-Identifier: Apache-2.0
//
// One LZW encoder in the middle of its work, for the search in gif_lzw_encode.cpp: the dictionary since its
// last clear code, its place among the pixels and the bits spent so far. The same place and dictionary always
// take the same next step, so that what was counted can be written later. Single owner.
#pragma once

#include <array>
#include <utility>

#include "optimizers/gif_lzw.hpp"

namespace optimilter {

// Codes put behind each other, lowest bit first.
class LzwBits {
  public:
    void put(unsigned code, unsigned width) {
        held_ |= std::uint32_t{code} << bits_;
        bits_ += width;
        for (; bits_ >= 8; bits_ -= 8, held_ >>= 8) bytes_.push_back(static_cast<std::uint8_t>(held_));
    }
    Bytes finish() {
        if (bits_ > 0) bytes_.push_back(static_cast<std::uint8_t>(held_));
        return std::move(bytes_);
    }

  private:
    Bytes bytes_;
    std::uint32_t held_ = 0;
    unsigned bits_ = 0;
};

// The strings of one dictionary: which code a string and one more pixel have. Open addressing; a slot is
// 12 bits of the string's code, 8 bits of pixel, 12 bits of the code of both.
class LzwStrings {
  public:
    void clear() { slots_.fill(0); }
    // 0 when there is none; no string of two pixels or more has that code.
    std::uint16_t find(unsigned string, unsigned pixel) const {
        const std::uint32_t slot = slots_[place(string, pixel)];
        return static_cast<std::uint16_t>(slot & 0xFFF);
    }
    void insert(unsigned string, unsigned pixel, unsigned code) {
        slots_[place(string, pixel)] = (string << 20) | (pixel << 12) | code;
    }
    // Takes back the newest string; older ones cannot be taken back.
    void erase_newest(unsigned string, unsigned pixel) { slots_[place(string, pixel)] = 0; }

  private:
    static constexpr std::size_t kSlots = 8192;
    std::size_t place(unsigned string, unsigned pixel) const {
        const std::uint32_t key = (string << 8) | pixel;
        std::size_t i = (key * 0x9E3779B1u) >> 19;
        while (slots_[i] != 0 && (slots_[i] >> 12) != key) i = (i + 1) % kSlots;
        return i;
    }
    std::array<std::uint32_t, kSlots> slots_{};
};

template <bool kTwoValues>
class LzwRun {
  public:
    explicit LzwRun(const LzwJob& job) : job_(job), clear_(1u << job.min_code_size) { begin(); }

    // An empty dictionary at the place where other stands, after a clear code there.
    void begin_at(const LzwRun& other) {
        at_ = other.at_;
        bits_ = other.bits_ + other.width_;
        begin();
    }
    // Writes one code. to: nullptr when only counting.
    void step(LzwBits* to);
    void clear(LzwBits& to) {
        to.put(clear_, width_);
        begin();
    }
    void finish(LzwBits& to) const { to.put(clear_ + 1, width_); }

    std::size_t at() const { return at_; }
    std::uint64_t bits() const { return bits_; }
    bool done() const { return at_ == job_.first.size(); }
    // All codes are taken.
    bool full() const { return newest_code() + 1 >= kCodes; }
    unsigned codes() const { return codes_; }

  private:
    static constexpr unsigned kMaxWidth = 12;
    static constexpr unsigned kCodes = 1u << kMaxWidth;
    // Longer matches are cut; that costs a code in so many pixels.
    static constexpr std::size_t kLongestMatch = 4096;
    // Strings looked at for one match where pixels have two values: a dictionary may hold every mix of them.
    static constexpr int kMostVisits = 400;

    // A string of the dictionary with all its beginnings.
    struct Path {
        std::array<std::uint16_t, kLongestMatch + 1> codes;  // codes[n]: of the first n + 1 pixels
        std::array<std::uint8_t, kLongestMatch + 1> values;  // two values only: those chosen
    };
    // One that fits the pixels somewhere.
    struct Match : Path {
        std::size_t size = 0;
    };
    // The other value of a pixel, to be tried after the first.
    struct Branch {
        std::size_t depth;
        std::uint16_t code;
        std::uint8_t value;
    };

    void begin();
    // The code made by the code written last.
    unsigned newest_code() const { return clear_ + 1 + codes_; }
    bool fits(std::size_t at, std::uint8_t value) const {
        return job_.first[at] == value || (kTwoValues && job_.second[at] == value);
    }
    std::size_t longest(std::size_t at) const;
    void longest(std::size_t at, Match& match) const;
    void visit(std::size_t at, Match& match) const;
    // Whether the string and its own first pixel, which is the code being made when it was just written,
    // fits.
    bool repeats(std::size_t at, const std::uint8_t* values, std::size_t size) const;
    std::size_t reach_of_longest();
    std::size_t choose();
    void learn(unsigned first_value);
    void commit(std::size_t size, std::uint16_t code);

    const LzwJob& job_;
    unsigned clear_;
    LzwStrings strings_;
    std::size_t at_ = 0;
    std::uint64_t bits_ = 0;
    unsigned codes_ = 0;  // written since the clear code
    unsigned width_ = 0;
    Match now_;
    mutable Match tried_;
    // Two values only: the string written last, which becomes one longer with the next pixel chosen.
    std::uint16_t last_code_ = 0;
    std::size_t last_size_ = 0;  // 0: nothing to learn
    std::array<std::uint8_t, kLongestMatch + 1> last_values_;
};

extern template class LzwRun<false>;
extern template class LzwRun<true>;

}  // namespace optimilter
