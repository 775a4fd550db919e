// SPDX-License-Identifier: Apache-2.0
//
// The four procedures of progressive coding and the sequential one (ITU-T T.81 F.1 and G.1), from blocks to
// tokens. Each coder takes the blocks of its scan in order, then finish(). Tokens is a JpegTokenList or a
// JpegTokenTally. Refuses no value: who calls has made sure of kJpegAcBits and kJpegDcDifferenceBits.
#pragma once

#include <bit>
#include <cstdint>

#include "optimizers/jpeg_coefficients.hpp"
#include "optimizers/jpeg_significance.hpp"
#include "optimizers/jpeg_tokens.hpp"

namespace optimilter {

// The bits after a symbol of the given width: negative values are sent as value - 1 (T.81 F.1.2.1).
constexpr unsigned jpeg_value_bits(int value, unsigned width) {
    return static_cast<unsigned>(value < 0 ? value - 1 : value) & ((1u << width) - 1);
}

constexpr unsigned jpeg_width(int value) {
    return static_cast<unsigned>(std::bit_width(static_cast<unsigned>(value < 0 ? -value : value)));
}

// One component's DC coefficients, shifted down by low_bit.
class JpegDcCoder {
  public:
    explicit JpegDcCoder(JpegTableSlot slot, unsigned low_bit = 0) : slot_(slot), low_bit_(low_bit) {}

    // false: the difference is beyond what T.81 allows.
    template <typename Tokens>
    bool add(int dc, Tokens& tokens) {
        const int value = dc >> low_bit_;
        const int difference = value - previous_;
        const unsigned width = jpeg_width(difference);
        if (width > kJpegDcDifferenceBits) return false;
        previous_ = value;
        tokens.put(slot_, width, width, jpeg_value_bits(difference, width));
        return true;
    }
    // A block beyond the picture, which nobody sees.
    template <typename Tokens>
    void add_padding(Tokens& tokens) {
        tokens.put(slot_, 0, 0, 0);
    }

  private:
    JpegTableSlot slot_;
    unsigned low_bit_;
    int previous_ = 0;
};

// Runs of blocks without anything (more) in the band.
class JpegEndOfBandRun {
  public:
    static constexpr unsigned kLongest = 0x7FFF;

    bool running() const { return length_ != 0; }
    // true: the run is full and must be written.
    bool extend() { return ++length_ == kLongest; }
    // Its symbol and bits: put(symbol, width, bits).
    template <typename Put>
    void write(Put&& put) {
        const unsigned width = static_cast<unsigned>(std::bit_width(length_)) - 1;
        put(width << 4, width, length_ & ((1u << width) - 1));
        length_ = 0;
    }

  private:
    unsigned length_ = 0;
};

// First scan of a band of one component.
class JpegAcFirstCoder {
  public:
    JpegAcFirstCoder(JpegBand band, unsigned low_bit)
        : band_(jpeg_band(band.first, band.last)),
          before_(band.first - 1),
          last_(band.last),
          low_bit_(low_bit) {}

    template <typename Tokens>
    void add(const std::int16_t* block, const JpegSignificance& significance, Tokens& tokens) {
        std::uint64_t left = significance.at_least[low_bit_] & band_;
        if (left != 0) {
            if (run_.running()) finish(tokens);
            tokens.make_room();
            if (put_coefficients(block, left, tokens) == last_) return;
        }
        if (run_.extend()) finish(tokens);
    }
    template <typename Tokens>
    void finish(Tokens& tokens) {
        if (!run_.running()) return;
        tokens.make_room();
        run_.write([&](unsigned symbol, unsigned width, unsigned bits) {
            tokens.put(JpegTableSlot::kAc0, symbol, width, bits);
        });
    }

  private:
    template <typename Tokens>
    unsigned put_coefficients(const std::int16_t* block, std::uint64_t left, Tokens& tokens) {
        unsigned previous = before_;
        for (; left != 0; left &= left - 1) {
            const auto k = static_cast<unsigned>(std::countr_zero(left));
            unsigned zeros = k - previous - 1;
            for (; zeros > 15; zeros -= 16) tokens.put(JpegTableSlot::kAc0, 0xF0, 0, 0);
            const int value = block[kJpegNaturalOrder[k]];
            const int magnitude = (value < 0 ? -value : value) >> low_bit_;
            const unsigned width = jpeg_width(magnitude);
            tokens.put(JpegTableSlot::kAc0, zeros << 4 | width, width,
                       jpeg_value_bits(value < 0 ? -magnitude : magnitude, width));
            previous = k;
        }
        return previous;
    }

    std::uint64_t band_;
    unsigned before_;
    unsigned last_;
    unsigned low_bit_;
    JpegEndOfBandRun run_;
};

// A scan that adds one bit, low_bit, to a band of one component. Correction bits of blocks in a run follow
// the run's symbol, which is known at its end only: its place is reserved.
class JpegAcRefineCoder {
  public:
    JpegAcRefineCoder(JpegBand band, unsigned low_bit)
        : band_(jpeg_band(band.first, band.last)),
          before_(band.first - 1),
          last_(band.last),
          low_bit_(low_bit) {}

    template <typename Tokens>
    void add(const std::int16_t* block, const JpegSignificance& significance, Tokens& tokens) {
        const std::uint64_t known = significance.at_least[low_bit_ + 1] & band_;
        const std::uint64_t all = significance.at_least[low_bit_] & band_;
        Corrections corrections;
        const std::uint64_t fresh = all & ~known;
        if (fresh != 0) {
            finish(tokens);
            tokens.make_room();
            put_fresh(block, known, fresh, corrections, tokens);
            const auto end = static_cast<unsigned>(63 - std::countl_zero(fresh));
            correct(block, end == 63 ? 0 : known & (~std::uint64_t{0} << (end + 1)), corrections);
            // Nothing is left to say when the band ends with that coefficient.
            if (end == last_) return;
        } else {
            correct(block, known, corrections);
        }
        extend_run(corrections, tokens);
    }
    template <typename Tokens>
    void finish(Tokens& tokens) {
        if (!run_.running()) return;
        run_.write([&](unsigned symbol, unsigned width, unsigned bits) {
            tokens.put_reserved(JpegTableSlot::kAc0, symbol, width, bits);
        });
    }

  private:
    struct Corrections {
        std::uint64_t bits = 0;
        unsigned count = 0;
    };

    void correct(const std::int16_t* block, std::uint64_t which, Corrections& corrections) const {
        for (; which != 0; which &= which - 1) {
            const int value = block[kJpegNaturalOrder[static_cast<unsigned>(std::countr_zero(which))]];
            const int magnitude = value < 0 ? -value : value;
            corrections.bits = corrections.bits << 1 | (static_cast<unsigned>(magnitude) >> low_bit_ & 1u);
            ++corrections.count;
        }
    }

    // Up to the last coefficient that becomes known: zero runs count only those still unknown.
    template <typename Tokens>
    void put_fresh(const std::int16_t* block, std::uint64_t known, std::uint64_t fresh,
                   Corrections& corrections, Tokens& tokens) const {
        unsigned position = before_ + 1;
        for (; fresh != 0; fresh &= fresh - 1) {
            const auto k = static_cast<unsigned>(std::countr_zero(fresh));
            std::uint64_t passed = k == 0 ? 0 : jpeg_band(position, k) & ~(std::uint64_t{1} << k);
            std::uint64_t zeros = passed & ~known;
            while (std::popcount(zeros) > 15) {
                // The sixteenth zero ends the run; corrections before it belong to it.
                std::uint64_t rest = zeros;
                for (int i = 0; i < 15; ++i) rest &= rest - 1;
                const std::uint64_t before = (rest & (~rest + 1)) - 1;
                tokens.put(JpegTableSlot::kAc0, 0xF0, 0, 0);
                correct(block, passed & before & known, corrections);
                put_corrections(corrections, tokens);
                passed &= ~before;
                zeros = passed & ~known;
                passed &= passed - 1;
                zeros &= zeros - 1;
            }
            const int value = block[kJpegNaturalOrder[k]];
            tokens.put(JpegTableSlot::kAc0, static_cast<unsigned>(std::popcount(zeros)) << 4 | 1, 1,
                       value > 0 ? 1 : 0);
            correct(block, passed & known, corrections);
            put_corrections(corrections, tokens);
            position = k + 1;
        }
    }

    template <typename Tokens>
    static void put_corrections(Corrections& corrections, Tokens& tokens) {
        if (corrections.count != 0) tokens.put_bare(corrections.bits, corrections.count);
        corrections = {};
    }

    template <typename Tokens>
    void extend_run(Corrections& corrections, Tokens& tokens) {
        tokens.make_room();
        if (!run_.running()) tokens.reserve();
        const bool full = run_.extend();
        put_corrections(corrections, tokens);
        if (full) finish(tokens);
    }

    std::uint64_t band_;
    unsigned before_;
    unsigned last_;
    unsigned low_bit_;
    JpegEndOfBandRun run_;
};

// The AC coefficients of one block in a sequential scan.
template <typename Tokens>
void code_jpeg_sequential_ac(const std::int16_t* block, std::uint64_t left, JpegTableSlot slot,
                             Tokens& tokens) {
    unsigned previous = 0;
    for (left &= ~std::uint64_t{1}; left != 0; left &= left - 1) {
        const auto k = static_cast<unsigned>(std::countr_zero(left));
        unsigned zeros = k - previous - 1;
        for (; zeros > 15; zeros -= 16) tokens.put(slot, 0xF0, 0, 0);
        const int value = block[kJpegNaturalOrder[k]];
        const unsigned width = jpeg_width(value);
        tokens.put(slot, zeros << 4 | width, width, jpeg_value_bits(value, width));
        previous = k;
    }
    if (previous != 63) tokens.put(slot, 0, 0, 0);
}

}  // namespace optimilter
