// SPDX-License-Identifier: Apache-2.0
//
// What a scan consists of before its Huffman codes are known: symbols, each with the bits that follow it. A
// list keeps them to be written once the best codes are known; a tally only counts them, to weigh one way of
// coding against another. Knows neither blocks nor markers. One object, one scan; not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "optimizers/jpeg_huffman.hpp"

namespace optimilter {

// Which table a symbol takes its code from. Scans of AC coefficients alone use kAc0.
enum class JpegTableSlot : std::uint32_t { kDc0 = 0, kDc1 = 1, kAc0 = 2, kAc1 = 3 };
constexpr std::size_t kJpegTableSlots = 4;

using JpegSlotCounts = std::array<JpegSymbolCounts, kJpegTableSlots>;

// A symbol and its bits as one number: slot (2 bits), 1 for bits without a symbol, symbol (8), number of bits
// (5), bits (16).
constexpr std::uint32_t jpeg_token(JpegTableSlot slot, unsigned symbol, unsigned width, unsigned bits) {
    return static_cast<std::uint32_t>(slot) << 30 | symbol << 21 | width << 16 | bits;
}
constexpr std::uint32_t kJpegBareBits = 1u << 29;

class JpegTokenTally {
  public:
    // Room for the tokens of one more block, in the worst case.
    void make_room() {}
    void put(JpegTableSlot slot, unsigned symbol, unsigned width, unsigned) {
        ++counts_[static_cast<std::size_t>(slot)][symbol];
        bits_ += width;
    }
    // A place for a symbol that is known only later; what is put in between comes after it.
    void reserve() {}
    void put_reserved(JpegTableSlot slot, unsigned symbol, unsigned width, unsigned bits) {
        put(slot, symbol, width, bits);
    }
    // The lowest width bits of bits, the first one on top.
    void put_bare(std::uint64_t, unsigned width) { bits_ += width; }

    const JpegSlotCounts& counts() const { return counts_; }
    std::uint64_t bits() const { return bits_; }

  private:
    JpegSlotCounts counts_{};
    std::uint64_t bits_ = 0;
};

class JpegTokenList {
  public:
    static constexpr std::size_t kPieceTokens = 1u << 15;
    // 64 coefficients, each with a symbol, zero runs, correction bits in pieces, an end of band.
    static constexpr std::size_t kBlockTokens = 192;

    struct Piece {
        std::unique_ptr<std::uint32_t[]> tokens;
        std::size_t count = 0;
    };

    void make_room() {
        if (end_ - next_ < static_cast<std::ptrdiff_t>(kBlockTokens)) add_piece();
    }
    void put(JpegTableSlot slot, unsigned symbol, unsigned width, unsigned bits) {
        tally_.put(slot, symbol, width, bits);
        *next_++ = jpeg_token(slot, symbol, width, bits);
    }
    void reserve() { reserved_ = next_++; }
    void put_reserved(JpegTableSlot slot, unsigned symbol, unsigned width, unsigned bits) {
        tally_.put(slot, symbol, width, bits);
        *reserved_ = jpeg_token(slot, symbol, width, bits);
    }
    void put_bare(std::uint64_t bits, unsigned width) {
        tally_.put_bare(bits, width);
        for (; width > 16; width -= 16) bare(bits >> (width - 16) & 0xFFFF, 16);
        if (width != 0) bare(bits & ((1u << width) - 1), width);
    }

    const JpegTokenTally& tally() const { return tally_; }
    // Call before reading the pieces.
    const std::vector<Piece>& pieces() {
        close_piece();
        return pieces_;
    }

  private:
    void bare(std::uint64_t bits, unsigned width) {
        *next_++ = kJpegBareBits | width << 16 | static_cast<std::uint32_t>(bits);
    }
    void close_piece() {
        if (!pieces_.empty())
            pieces_.back().count = static_cast<std::size_t>(next_ - pieces_.back().tokens.get());
    }
    void add_piece() {
        close_piece();
        pieces_.push_back({std::make_unique_for_overwrite<std::uint32_t[]>(kPieceTokens), 0});
        next_ = pieces_.back().tokens.get();
        end_ = next_ + kPieceTokens;
    }

    std::vector<Piece> pieces_;
    std::uint32_t* next_ = nullptr;
    std::uint32_t* end_ = nullptr;
    std::uint32_t* reserved_ = nullptr;
    JpegTokenTally tally_;
};

}  // namespace optimilter
