// SPDX-License-Identifier: Apache-2.0
//
// Huffman codes for JPEG: the best code lengths for counted symbols (ITU-T T.81 Annex K.2: at most 16 bits,
// no code of ones only) and the codes of a table (Annex C). Knows no scans. Thread safe: pure functions.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.hpp"

namespace optimilter {

using JpegSymbolCounts = std::array<std::uint32_t, 256>;

struct JpegHuffmanTable {
    std::array<std::uint8_t, 17> codes_of_length{};  // [1..16]
    Bytes symbols;                                   // in order of their codes
    // By symbol; length 0: has no code.
    std::array<std::uint8_t, 256> length{};
    std::array<std::uint16_t, 256> code{};

    // Bytes in a DHT segment.
    std::size_t bytes() const { return 17 + symbols.size(); }
};

// Fills length and code from codes_of_length and symbols.
void assign_jpeg_codes(JpegHuffmanTable& table);

// Symbols that never occur get no code. Without any symbol at all: a table with one, because some readers
// refuse empty ones.
JpegHuffmanTable best_jpeg_table(const JpegSymbolCounts& counts);

// The tables of Annex K.3, which every baseline file may use.
const JpegHuffmanTable& standard_jpeg_table(bool chroma, bool ac);

}  // namespace optimilter
