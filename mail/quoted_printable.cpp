// SPDX-License-Identifier: Apache-2.0
#include "mail/quoted_printable.hpp"

#include <mimetic/codec/qp.h>

#include <algorithm>
#include <exception>
#include <iterator>

namespace optimilter {

Bytes decode_quoted_printable_head(ByteView body) {
    body = body.first(std::min(body.size(), kMaxQuotedPrintable));
    Bytes decoded;
    try {
        mimetic::QP::Decoder decoder;
        const auto* begin = reinterpret_cast<const char*>(body.data());
        decoder.process(begin, begin + body.size(), std::back_inserter(decoded));
    } catch (const std::exception&) {
        // What was decoded up to there is as good as any for the log.
    }
    return decoded;
}

std::size_t quoted_printable_size(ByteView body) {
    const std::string_view text = as_text(body);
    std::size_t size = text.size();
    for (std::size_t at = text.find('='); at != text.npos; at = text.find('=', at)) {
        const std::string_view rest = text.substr(at + 1);
        const bool soft_break = rest.starts_with("\r\n") || rest.starts_with("\n");
        const std::size_t length = rest.starts_with("\r\n") ? 3 : soft_break ? 2 : 3;
        if (rest.size() + 1 < length) break;
        size -= soft_break ? length : length - 1;
        at += length;
    }
    return size;
}

}  // namespace optimilter
