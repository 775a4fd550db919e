// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a JPEG file (ITU-T T.81 Annex B): markers, tables, and scans of tokens with their codes put
// in. Knows no blocks; refuses nothing. One object, one file; not thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "optimizers/jpeg_coefficients.hpp"
#include "optimizers/jpeg_tokens.hpp"

namespace optimilter {

// An APPn or COM segment to write. payload: without marker and length field.
struct JpegSegmentBytes {
    std::uint8_t marker = 0;
    Bytes payload;
    friend bool operator==(const JpegSegmentBytes&, const JpegSegmentBytes&) = default;
};

enum class JpegProcess { kSequential, kProgressive };

// The parameters of one scan.
struct JpegScanHeader {
    std::vector<std::uint8_t> planes;  // indices
    JpegBand band{0, 0};
    unsigned high_bit = 0;
    unsigned low_bit = 0;
};

using JpegScanTables = std::array<JpegHuffmanTable, kJpegTableSlots>;

// The best table for each slot that tokens use; the others have no symbols.
JpegScanTables best_jpeg_tables(const JpegSlotCounts& counts);

// Bits of all codes and of what follows them.
std::uint64_t jpeg_scan_bits(const JpegTokenTally& tally, const JpegScanTables& tables);
// What tally takes in a file with its best tables: segments and entropy-coded bytes, without stuffing.
std::uint64_t jpeg_scan_bytes(const JpegTokenTally& tally, std::size_t planes);

class JpegFileWriter {
  public:
    void start(const std::vector<JpegSegmentBytes>& segments);
    void frame(const JpegCoefficients& picture, JpegProcess process);
    // Tables (those that have symbols), header and entropy-coded bytes.
    void scan(const JpegCoefficients& picture, const JpegScanHeader& header, const JpegScanTables& tables,
              JpegTokenList& tokens);
    void append_scan(ByteView scan);
    void end();

    const Bytes& bytes() const { return bytes_; }
    Bytes take() { return std::move(bytes_); }

  private:
    void marker(std::uint8_t code);
    void segment(std::uint8_t code, ByteView payload);
    void quant_tables(const JpegCoefficients& picture);
    void huffman_tables(const JpegScanTables& tables);
    void scan_header(const JpegCoefficients& picture, const JpegScanHeader& header,
                     const JpegScanTables& tables);
    void entropy_coded(const JpegScanTables& tables, JpegTokenList& tokens);

    Bytes bytes_;
};

}  // namespace optimilter
