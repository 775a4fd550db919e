// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "mail/base64_table.hpp"
#include "mail/quoted_printable.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kHead = 64 * 1024;

// As lenient readers do: what is outside the alphabet is skipped, '=' ends it. Whole quads go fast, because
// every part of every mail comes through here.
class LenientBase64 {
  public:
    Glimpse read(ByteView body) {
        for (std::size_t at = 0; at < body.size() && body[at] != '=';) {
            if (characters_ % 4 == 0) at += read_quads(body.subspan(at));
            if (at >= body.size() || body[at] == '=') break;
            read_character(body[at++]);
        }
        return std::move(seen_);
    }

  private:
    // Returns how many characters of whole quads text begins with.
    std::size_t read_quads(ByteView text) {
        std::size_t at = 0;
        for (; text.size() - at >= 4; at += 4) {
            const std::uint32_t quad = base64_quad(text.data() + at);
            if (quad & kNotBase64) break;
            if (seen_.head.size() < kHead)
                for (int shift = 16; shift >= 0; shift -= 8) keep(quad >> shift);
        }
        seen_.decoded_size += at / 4 * 3;
        return at;
    }

    void read_character(std::uint8_t c) {
        const std::uint32_t value = kBase64Tables[3][c];
        if (value & kNotBase64) return;
        bits_ = (bits_ << 6) | value;
        // Characters 2, 3 and 4 of a quad complete a byte each, with 4, 2 and 0 bits to spare.
        const std::size_t place = characters_++ % 4;
        if (place == 0) return;
        ++seen_.decoded_size;
        keep(bits_ >> (6 - 2 * place));
    }

    void keep(std::uint32_t byte) {
        if (seen_.head.size() < kHead) seen_.head.push_back(static_cast<std::uint8_t>(byte));
    }

    Glimpse seen_;
    std::uint32_t bits_ = 0;
    std::size_t characters_ = 0;  // of the alphabet, without those in whole quads
};

Glimpse glimpse_quoted_printable(ByteView body) {
    Glimpse seen{quoted_printable_size(body), decode_quoted_printable_head(body)};
    seen.head.resize(std::min(seen.head.size(), kHead));
    return seen;
}

}  // namespace

Glimpse glimpse(ByteView body, TransferEncoding encoding) {
    switch (encoding) {
        case TransferEncoding::kBase64:
            return LenientBase64().read(body);
        case TransferEncoding::kQuotedPrintable:
            return glimpse_quoted_printable(body);
        default:
            break;
    }
    const ByteView head = body.first(std::min(body.size(), kHead));
    return {body.size(), Bytes(head.begin(), head.end())};
}

}  // namespace optimilter
