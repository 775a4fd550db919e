// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "mail/base64_table.hpp"
#include "mail/quoted_printable.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

constexpr std::size_t kHead = 64 * 1024;

// As lenient readers do: what is outside the alphabet is skipped, '=' ends it.
Glimpse glimpse_base64(ByteView body) {
    Glimpse seen;
    std::uint32_t bits = 0;
    std::size_t characters = 0;
    for (const std::uint8_t c : body) {
        if (c == '=') break;
        const std::uint32_t value = kBase64Tables[3][c];
        if (value & kNotBase64) continue;
        bits = (bits << 6) | value;
        // Characters 2, 3 and 4 of a quad complete a byte each, with 4, 2 and 0 bits to spare.
        const std::size_t place = characters++ % 4;
        if (place == 0) continue;
        ++seen.decoded_size;
        if (seen.head.size() < kHead) seen.head.push_back(static_cast<std::uint8_t>(bits >> (6 - 2 * place)));
    }
    return seen;
}

Glimpse glimpse_quoted_printable(ByteView body) {
    Glimpse seen{quoted_printable_size(body), decode_quoted_printable_head(body)};
    seen.head.resize(std::min(seen.head.size(), kHead));
    return seen;
}

}  // namespace

Glimpse glimpse(ByteView body, TransferEncoding encoding) {
    switch (encoding) {
        case TransferEncoding::kBase64:
            return glimpse_base64(body);
        case TransferEncoding::kQuotedPrintable:
            return glimpse_quoted_printable(body);
        default:
            break;
    }
    const ByteView head = body.first(std::min(body.size(), kHead));
    return {body.size(), Bytes(head.begin(), head.end())};
}

}  // namespace optimilter
