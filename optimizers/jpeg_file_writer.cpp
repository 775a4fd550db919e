// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_file_writer.hpp"

#include <algorithm>
#include <utility>

#include "optimizers/jpeg_markers.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kTokenBytes = 8;  // 16 bits of code, 16 of value, all stuffed

std::size_t slot_index(bool ac, unsigned table) {
    return static_cast<std::size_t>(ac ? JpegTableSlot::kAc0 : JpegTableSlot::kDc0) + table;
}

// Code and length of all tokens' symbols, by the upper bits of a token. Bare bits have a code of no length.
struct CodeBook {
    explicit CodeBook(const JpegScanTables& tables) {
        for (std::size_t slot = 0; slot < kJpegTableSlots; ++slot) {
            for (std::size_t symbol = 0; symbol < 256; ++symbol)
                entry[slot * 512 + symbol] = {tables[slot].code[symbol], tables[slot].length[symbol]};
        }
    }
    struct Entry {
        std::uint16_t code = 0;
        std::uint16_t length = 0;
    };
    std::array<Entry, kJpegTableSlots * 512> entry{};
};

// Writes bits, the first one on top, and a zero byte after each byte of ones.
class BitWriter {
  public:
    explicit BitWriter(std::uint8_t* to) : to_(to) {}

    void put(std::uint64_t bits, unsigned width) {
        held_ = held_ << width | bits;
        count_ += width;
        if (count_ >= 32) put_word(static_cast<std::uint32_t>(held_ >> (count_ -= 32)));
    }
    // Fills the last byte with ones.
    void finish() {
        put(0x7F, 7);
        for (; count_ >= 8; count_ -= 8) put_byte(static_cast<std::uint8_t>(held_ >> (count_ - 8)));
        count_ = 0;
    }
    std::uint8_t* at() const { return to_; }
    void continue_at(std::uint8_t* to) { to_ = to; }

  private:
    void put_word(std::uint32_t word) {
        // Some byte is 0xFF exactly when its complement is zero.
        const std::uint32_t inverse = ~word;
        if (((inverse - 0x01010101u) & ~inverse & 0x80808080u) != 0) {
            for (int shift = 24; shift >= 0; shift -= 8) put_byte(static_cast<std::uint8_t>(word >> shift));
            return;
        }
        write_be32(to_, word);
        to_ += 4;
    }
    void put_byte(std::uint8_t byte) {
        *to_++ = byte;
        if (byte == 0xFF) *to_++ = 0;
    }

    std::uint8_t* to_;
    std::uint64_t held_ = 0;
    unsigned count_ = 0;
};

void push_be16(Bytes& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8));
    to.push_back(static_cast<std::uint8_t>(value));
}

bool needs_two_bytes(const JpegPlane& plane) {
    return std::any_of(plane.quant.begin(), plane.quant.end(), [](std::uint16_t step) { return step > 255; });
}

// Each distinct table once: which of them a component has depends on the tables alone.
std::size_t quant_table_of(const JpegCoefficients& picture, std::size_t plane) {
    std::size_t number = 0;
    for (std::size_t i = 0; i < plane; ++i) {
        if (picture.planes[i].quant == picture.planes[plane].quant) return quant_table_of(picture, i);
        if (quant_table_of(picture, i) == number) ++number;
    }
    return number;
}

}  // namespace

JpegScanTables best_jpeg_tables(const JpegSlotCounts& counts) {
    JpegScanTables tables;
    for (std::size_t slot = 0; slot < kJpegTableSlots; ++slot) {
        if (std::any_of(counts[slot].begin(), counts[slot].end(), [](std::uint32_t n) { return n != 0; }))
            tables[slot] = best_jpeg_table(counts[slot]);
    }
    return tables;
}

std::uint64_t jpeg_scan_bits(const JpegTokenTally& tally, const JpegScanTables& tables) {
    std::uint64_t bits = tally.bits();
    for (std::size_t slot = 0; slot < kJpegTableSlots; ++slot) {
        for (const std::uint8_t symbol : tables[slot].symbols)
            bits += std::uint64_t{tally.counts()[slot][symbol]} * tables[slot].length[symbol];
    }
    return bits;
}

std::uint64_t jpeg_scan_bytes(const JpegTokenTally& tally, std::size_t planes) {
    const JpegScanTables tables = best_jpeg_tables(tally.counts());
    std::uint64_t bytes = 8 + 2 * planes + 4;
    for (const JpegHuffmanTable& table : tables) bytes += table.symbols.empty() ? 0 : table.bytes();
    return bytes + (jpeg_scan_bits(tally, tables) + 7) / 8;
}

void JpegFileWriter::marker(std::uint8_t code) {
    bytes_.push_back(0xFF);
    bytes_.push_back(code);
}

void JpegFileWriter::segment(std::uint8_t code, ByteView payload) {
    marker(code);
    push_be16(bytes_, payload.size() + 2);
    append(bytes_, payload);
}

void JpegFileWriter::start(const std::vector<JpegSegmentBytes>& segments) {
    marker(jpeg_marker::kSoi);
    for (const JpegSegmentBytes& s : segments) segment(s.marker, s.payload);
}

void JpegFileWriter::quant_tables(const JpegCoefficients& picture) {
    Bytes payload;
    std::size_t written = 0;
    for (std::size_t plane = 0; plane < picture.planes.size(); ++plane) {
        if (quant_table_of(picture, plane) != written) continue;
        const bool wide = needs_two_bytes(picture.planes[plane]);
        payload.push_back(static_cast<std::uint8_t>((wide ? 0x10 : 0) | written++));
        for (const std::uint8_t natural : kJpegNaturalOrder) {
            const std::uint16_t step = picture.planes[plane].quant[natural];
            if (wide) payload.push_back(static_cast<std::uint8_t>(step >> 8));
            payload.push_back(static_cast<std::uint8_t>(step));
        }
    }
    segment(jpeg_marker::kDqt, payload);
}

void JpegFileWriter::frame(const JpegCoefficients& picture, JpegProcess process) {
    quant_tables(picture);
    const bool wide = std::any_of(picture.planes.begin(), picture.planes.end(), needs_two_bytes);
    Bytes payload = {8};
    push_be16(payload, picture.height);
    push_be16(payload, picture.width);
    payload.push_back(static_cast<std::uint8_t>(picture.planes.size()));
    for (std::size_t plane = 0; plane < picture.planes.size(); ++plane) {
        const JpegPlane& p = picture.planes[plane];
        payload.push_back(p.id);
        payload.push_back(static_cast<std::uint8_t>(p.horizontal << 4 | p.vertical));
        payload.push_back(static_cast<std::uint8_t>(quant_table_of(picture, plane)));
    }
    const std::uint8_t sequential = wide ? jpeg_marker::kSof1 : jpeg_marker::kSof0;
    segment(process == JpegProcess::kProgressive ? jpeg_marker::kSof2 : sequential, payload);
}

void JpegFileWriter::huffman_tables(const JpegScanTables& tables) {
    Bytes payload;
    for (const bool ac : {false, true}) {
        for (const unsigned number : {0u, 1u}) {
            const JpegHuffmanTable& table = tables[slot_index(ac, number)];
            if (table.symbols.empty()) continue;
            payload.push_back(static_cast<std::uint8_t>((ac ? 0x10 : 0) | number));
            payload.insert(payload.end(), table.codes_of_length.begin() + 1, table.codes_of_length.end());
            append(payload, table.symbols);
        }
    }
    if (!payload.empty()) segment(jpeg_marker::kDht, payload);
}

void JpegFileWriter::scan_header(const JpegCoefficients& picture, const JpegScanHeader& header,
                                 const JpegScanTables& tables) {
    Bytes payload = {static_cast<std::uint8_t>(header.planes.size())};
    for (const std::uint8_t plane : header.planes) {
        payload.push_back(picture.planes[plane].id);
        const unsigned number = plane == 0 ? 0 : 1;
        const bool dc = !tables[slot_index(false, number)].symbols.empty();
        const bool ac = !tables[slot_index(true, number)].symbols.empty();
        payload.push_back(static_cast<std::uint8_t>((dc ? number << 4 : 0) | (ac ? number : 0)));
    }
    payload.push_back(static_cast<std::uint8_t>(header.band.first));
    payload.push_back(static_cast<std::uint8_t>(header.band.last));
    payload.push_back(static_cast<std::uint8_t>(header.high_bit << 4 | header.low_bit));
    segment(jpeg_marker::kSos, payload);
}

void JpegFileWriter::entropy_coded(const JpegScanTables& tables, JpegTokenList& tokens) {
    const CodeBook book(tables);
    std::size_t used = bytes_.size();
    BitWriter bits(nullptr);
    for (const JpegTokenList::Piece& piece : tokens.pieces()) {
        bytes_.resize(used + (piece.count + 4) * kTokenBytes);
        bits.continue_at(bytes_.data() + used);
        for (std::size_t i = 0; i < piece.count; ++i) {
            const std::uint32_t token = piece.tokens[i];
            const CodeBook::Entry entry = book.entry[token >> 21];
            const unsigned width = token >> 16 & 31;
            bits.put(std::uint64_t{entry.code} << width | (token & 0xFFFF), entry.length + width);
        }
        used = static_cast<std::size_t>(bits.at() - bytes_.data());
    }
    bytes_.resize(used + 2 * kTokenBytes);
    bits.continue_at(bytes_.data() + used);
    bits.finish();
    bytes_.resize(static_cast<std::size_t>(bits.at() - bytes_.data()));
}

void JpegFileWriter::scan(const JpegCoefficients& picture, const JpegScanHeader& header,
                          const JpegScanTables& tables, JpegTokenList& tokens) {
    huffman_tables(tables);
    scan_header(picture, header, tables);
    entropy_coded(tables, tokens);
}

void JpegFileWriter::append_scan(ByteView scan) {
    append(bytes_, scan);
}

void JpegFileWriter::end() {
    marker(jpeg_marker::kEoi);
}

}  // namespace optimilter
