// SPDX-License-Identifier: Apache-2.0
//
// Writing and reading the fields of a fixed record one after the other: little-endian numbers, flags, text in
// slots of a fixed width, unused bytes that must be zero. Knows no record. Single-threaded values.
//
// Security: FieldReader never reads past its view (what is missing reads as zero and spoils clean()), and a
// slot's length byte is checked against the slot.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace optimilter {

class FieldWriter {
  public:
    explicit FieldWriter(std::size_t record_bytes) { out_.reserve(record_bytes); }

    void u8(std::uint8_t value) { number(value, 1); }
    void u16(std::uint16_t value) { number(value, 2); }
    void u32(std::uint32_t value) { number(value, 4); }
    void u64(std::uint64_t value) { number(value, 8); }
    void flag(bool value) { u8(value ? 1 : 0); }
    void zeros(std::size_t count) { out_.resize(out_.size() + count); }
    void bytes(ByteView value) { append(out_, value); }
    void text(std::string_view value) { append(out_, as_bytes(value)); }
    // One byte of length, then width bytes; text beyond width is cut off.
    void slot(std::string_view value, std::size_t width) {
        value = value.substr(0, width);
        u8(static_cast<std::uint8_t>(value.size()));
        text(value);
        zeros(width - value.size());
    }
    Bytes finish() { return std::move(out_); }

  private:
    void number(std::uint64_t value, int width) {
        for (int i = 0; i < width; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    }

    Bytes out_;
};

class FieldReader {
  public:
    explicit FieldReader(ByteView record) : rest_(record) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    // 0 or 1; anything else spoils clean().
    bool flag() {
        const std::uint8_t value = u8();
        clean_ = clean_ && value <= 1;
        return value == 1;
    }
    void zeros(std::size_t count) {
        for (const std::uint8_t byte : take(count)) clean_ = clean_ && byte == 0;
    }
    std::string_view text(std::size_t size) { return as_text(take(size)); }
    void bytes(std::span<std::uint8_t> to) {
        const ByteView from = take(to.size());
        std::copy(from.begin(), from.end(), to.begin());
    }
    std::string_view slot(std::size_t width) {
        const std::size_t length = u8();
        clean_ = clean_ && length <= width;
        const std::string_view value = text(std::min(length, width));
        zeros(width - value.size());
        return value;
    }
    // All flags were 0 or 1, all unused bytes zero, all slots' lengths within the slot, nothing missing.
    bool clean() const { return clean_; }

  private:
    ByteView take(std::size_t count) {
        clean_ = clean_ && count <= rest_.size();
        const ByteView taken = rest_.first(std::min(count, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        int shift = 0;
        for (const std::uint8_t byte : take(width)) {
            value |= static_cast<std::uint64_t>(byte) << shift;
            shift += 8;
        }
        return value;
    }

    ByteView rest_;
    bool clean_ = true;
};

}  // namespace optimilter
