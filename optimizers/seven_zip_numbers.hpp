// SPDX-License-Identifier: Apache-2.0
//
// Names and numbers of 7z headers (7zFormat.txt). For the reader and the writer alone. Thread safe.
//
// Security: HeaderFeed reads outside bytes; past their end everything is 0 and broken() is true.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace optimilter::seven_zip {

constexpr std::size_t kSignatureHeader = 32;
constexpr std::uint8_t kEnd = 0x00;
constexpr std::uint8_t kHeader = 0x01;
constexpr std::uint8_t kMainStreams = 0x04;
constexpr std::uint8_t kFiles = 0x05;
constexpr std::uint8_t kPackInfo = 0x06;
constexpr std::uint8_t kUnpackInfo = 0x07;
constexpr std::uint8_t kSubStreams = 0x08;
constexpr std::uint8_t kSize = 0x09;
constexpr std::uint8_t kCrc = 0x0A;
constexpr std::uint8_t kFolder = 0x0B;
constexpr std::uint8_t kCodersUnpackSize = 0x0C;
constexpr std::uint8_t kUnpackStreams = 0x0D;
constexpr std::uint8_t kEmptyStream = 0x0E;
constexpr std::uint8_t kEncodedHeader = 0x17;

class HeaderFeed {
  public:
    explicit HeaderFeed(ByteView bytes) : bytes_(bytes) {}

    std::uint8_t byte() {
        if (at_ < bytes_.size()) return bytes_[at_++];
        broken_ = true;
        return 0;
    }
    std::uint8_t peek() const { return at_ < bytes_.size() ? bytes_[at_] : std::uint8_t{0}; }
    ByteView take(std::uint64_t count) {
        if (count > bytes_.size() - at_) {
            broken_ = true;
            at_ = bytes_.size();
            return {};
        }
        const ByteView taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
        at_ += taken.size();
        return taken;
    }
    // The first byte's leading ones tell how many little-endian bytes follow; its other bits are the highest.
    std::uint64_t number() {
        const std::uint8_t first = byte();
        std::uint64_t value = 0;
        for (unsigned i = 0; i < 8; ++i) {
            const unsigned mask = 0x80u >> i;
            if ((first & mask) == 0)
                return value | (static_cast<std::uint64_t>(first & (mask - 1)) << (8 * i));
            value |= static_cast<std::uint64_t>(byte()) << (8 * i);
        }
        return value;
    }
    // One bit for each of count, highest first.
    std::vector<bool> bits(std::size_t count) {
        const ByteView packed = take((count + 7) / 8);
        std::vector<bool> set(count, false);
        for (std::size_t i = 0; i < count && !broken_; ++i)
            set[i] = (packed[i / 8] & (0x80u >> (i % 8))) != 0;
        return set;
    }
    bool broken() const { return broken_; }
    std::size_t at() const { return at_; }
    bool at_end() const { return at_ == bytes_.size(); }

  private:
    ByteView bytes_;
    std::size_t at_ = 0;
    bool broken_ = false;
};

inline void put_number(Bytes& to, std::uint64_t value) {
    std::uint8_t first = 0;
    unsigned count = 0;
    for (; count < 8 && value >> (7 * (count + 1)) != 0; ++count)
        first = static_cast<std::uint8_t>(first | (0x80u >> count));
    if (count < 8) first = static_cast<std::uint8_t>(first | (value >> (8 * count)));
    to.push_back(first);
    for (unsigned i = 0; i < count; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

}  // namespace optimilter::seven_zip
