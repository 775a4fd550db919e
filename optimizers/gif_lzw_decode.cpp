// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "optimizers/gif_lzw.hpp"

namespace optimilter {

namespace {

constexpr unsigned kMaxWidth = 12;
constexpr unsigned kCodes = 1u << kMaxWidth;
// Some writers end with a byte or two of padding. More is something that should not get lost.
constexpr std::size_t kMostPadding = 2;

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

class Decoder {
  public:
    Decoder(ByteView codes, unsigned min_code_size, std::size_t count)
        : codes_(codes), clear_(1u << min_code_size), base_width_(min_code_size + 1), pixels_(count) {
        begin();
    }

    Result<Bytes> run() {
        while (true) {
            const int code = next_code();
            // Pixels may be complete without an end code; decoders do not mind.
            if (code < 0 && at_ == pixels_.size()) break;
            if (code < 0) return malformed("GIF: frame with missing pixels");
            const auto got = static_cast<unsigned>(code);
            if (got == clear_ + 1) break;
            if (got == clear_) {
                begin();
            } else if (!take(got)) {
                return malformed("GIF: wrong code, or pixels beyond the frame");
            }
        }
        if (at_ != pixels_.size()) return malformed("GIF: frame with missing pixels");
        if (codes_.size() - read_ > kMostPadding) return malformed("GIF: data after the end of a frame");
        return std::move(pixels_);
    }

  private:
    // An entry is a run of pixels that was written already: where it starts and how long it is.
    struct Entry {
        std::size_t at;
        std::size_t size;
    };

    void begin() {
        next_ = clear_ + 2;
        width_ = base_width_;
        previous_ = {0, 0};
    }

    int next_code() {
        while (held_bits_ < width_) {
            if (read_ == codes_.size()) return -1;
            held_ |= std::uint32_t{codes_[read_++]} << held_bits_;
            held_bits_ += 8;
        }
        const int code = static_cast<int>(held_ & ((1u << width_) - 1));
        held_ >>= width_;
        held_bits_ -= width_;
        return code;
    }

    bool take(unsigned code) {
        const bool first = previous_.size == 0;
        // The code that is only now being made: what was last, and its own first pixel.
        const bool unborn = code == next_ && !first && next_ < kCodes;
        if (code > clear_ && code >= next_ && !unborn) return false;
        const Entry from = code < clear_ ? Entry{0, 1} : unborn ? grown() : entries_[code];
        if (from.size > pixels_.size() - at_) return false;
        const Entry here{at_, from.size};
        if (code < clear_) {
            pixels_[at_] = static_cast<std::uint8_t>(code);
        } else {
            // Forward, byte by byte: an unborn entry overlaps what it is copied to.
            for (std::size_t i = 0; i < from.size; ++i) pixels_[at_ + i] = pixels_[from.at + i];
        }
        at_ += from.size;
        if (!first && next_ < kCodes) entries_[next_++] = grown();
        if (next_ == (1u << width_) && width_ < kMaxWidth) ++width_;
        previous_ = here;
        return true;
    }

    // What was last and the pixel after it lie next to each other.
    Entry grown() const { return {previous_.at, previous_.size + 1}; }

    ByteView codes_;
    unsigned clear_;
    unsigned base_width_;
    Bytes pixels_;
    std::array<Entry, kCodes> entries_{};
    std::size_t at_ = 0;
    std::size_t read_ = 0;
    std::uint32_t held_ = 0;
    unsigned held_bits_ = 0;
    unsigned next_ = 0;
    unsigned width_ = 0;
    Entry previous_{0, 0};
};

}  // namespace

Result<Bytes> decode_lzw(ByteView codes, unsigned min_code_size, std::size_t count) {
    if (min_code_size < 2 || min_code_size > 8) return malformed("GIF: wrong size of codes");
    return Decoder(codes, min_code_size, count).run();
}

}  // namespace optimilter
