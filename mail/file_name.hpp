// SPDX-License-Identifier: Apache-2.0
//
// File names out of parameters: RFC 2231 (continuations, charset, percent escapes), else RFC 2047 encoded
// words in quoted strings, which the rules forbid and real mailers write. For rules and the log only; never
// used as a path. Thread safe: pure functions.
//
// Security: hostile input, bounded by kMaxMimeValueBytes; the result is foreign text.
#pragma once

#include <string>
#include <string_view>

#include "mail/mime_params.hpp"

namespace optimilter {

// The text of parameter name (lower case): the RFC 2231 forms win. UTF-8 where the charset is known and the
// text is valid in it, else as it came. Empty: no such parameter.
std::string parameter_text(const MimeValue& value, std::string_view name);

// Encoded words (RFC 2047 sec. 2) anywhere in text made UTF-8; what cannot be decoded stays as it is.
std::string decode_encoded_words(std::string_view text);

}  // namespace optimilter
