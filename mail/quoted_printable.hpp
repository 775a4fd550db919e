// SPDX-License-Identifier: Apache-2.0
//
// Quoted-printable (RFC 2045 sec. 6.7), read only: parts in this encoding are never rewritten. Decoding is
// mimetic's, behind the one wrapper that catches what it throws. Thread safe: pure functions.
//
// Security: hostile input; at most kMaxQuotedPrintable bytes are given to mimetic, counting is linear.
#pragma once

#include "base/bytes.hpp"

namespace optimilter {

inline constexpr std::size_t kMaxQuotedPrintable = 256 * 1024;

// The decoded start of body; as much as the first kMaxQuotedPrintable bytes give.
Bytes decode_quoted_printable_head(ByteView body);

// Bytes that the whole body decodes to: escapes count one, soft line breaks nothing.
std::size_t quoted_printable_size(ByteView body);

}  // namespace optimilter
