// SPDX-License-Identifier: Apache-2.0
//
// Base64 bodies (RFC 2045 sec. 6.8) decoded and written again, and what other encodings hold, for the log
// only. Thread safe: pure functions.
//
// Security: hostile input; linear, output never longer than input for decoding, no table indexed by unchecked
// values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/mime_index.hpp"

namespace optimilter {

// How a clean base64 body is laid out, so that a new one can be laid out alike.
struct Base64Layout {
    std::size_t decoded_size = 0;  // bytes
    std::size_t line_length = 76;  // characters to write per line: the source's longest, at most 76, a
                                   // multiple of 4
    bool crlf = true;              // line ends: CRLF or bare LF
    std::size_t leading = 0;       // bytes of blank lines before the first line, kept as they are
    std::size_t trailing = 0;      // bytes of line ends after the last character, kept as they are
};

// kMalformed, with the reason, unless the body is clean: RFC 2045 alphabet only, '=' only as correct final
// padding with zero spare bits, one kind of line end throughout, no blanks, no blank line between data lines,
// no line above 998 characters (RFC 5322 sec. 2.1.1). An empty body is not clean. Only clean bodies may ever
// be rewritten. Lines may be of different lengths. crlf_of_message: the line ends to write when the body is
// one line and has none of its own (Part::crlf).
Result<Base64Layout> inspect_base64(ByteView body, bool crlf_of_message = true);

// Decodes a body that inspect_base64() found clean: sink is called with up to 64 KiB at a time and stops the
// work by returning an error, which is passed on. kMalformed when the body is not clean after all; the second
// form returns nothing then.
Status decode_base64(ByteView body, const Base64Layout& layout, const std::function<Status(ByteView)>& sink);
Bytes decode_base64(ByteView body, const Base64Layout& layout);

// raw in the layout's lines and line ends, between the original's own leading and trailing blank bytes. For a
// body of equal lines encode_base64(decode_base64(body)) is the body.
std::string encode_base64(ByteView raw, const Base64Layout& layout, ByteView original_body);

// Size in bytes of what a body of any encoding holds, and its first bytes (at most 64 KiB) for sniffing. For
// the log only; never an error: broken encodings count what decodes.
struct Glimpse {
    std::size_t decoded_size = 0;
    Bytes head;
};
Glimpse glimpse(ByteView body, TransferEncoding encoding);

}  // namespace optimilter
