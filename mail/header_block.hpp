// SPDX-License-Identifier: Apache-2.0
//
// A header block (RFC 5322 sec. 2.2) read from raw bytes into fields, for whole messages and for parts alike.
// Strict: a line that is no field, a bare CR, a NUL or a continuation of blanks alone is refused, because
// readers differ on where the header ends then. Thread safe: pure functions.
//
// Security: hostile input; linear, no recursion, at most limit_bytes are read.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/header_field.hpp"

namespace optimilter {

// One line of a text. content is without its line end, which is CRLF or LF; next is where the line after it
// begins, and complete is false when the text ended before a line end.
struct TextLine {
    std::string_view content;
    std::size_t next = 0;
    bool complete = false;
    bool crlf = false;
};
TextLine line_at(std::string_view text, std::size_t begin);

struct HeaderBlock {
    HeaderFields fields;  // views into the text
    ByteRange range;      // from the first field to the start of the blank line
    // Where the body begins, after the blank line; nothing when the text ended first.
    std::optional<std::size_t> body_begin;
    bool crlf = true;  // the line end of the blank line, or of the last field without one
};

// Reads the header block that begins at offset begin of text. is_delimiter: says of a line whether it is a
// boundary delimiter that is open here, which ends nothing but makes the block kMalformed. Errors:
// kMalformed, kLimit above limit_bytes.
Result<HeaderBlock> read_header_block(std::string_view text, std::size_t begin, std::size_t limit_bytes,
                                      const std::function<bool(std::string_view)>& is_delimiter);

// The same rules for fields that somebody else (the MTA) split. Folds are CRLF or LF before a blank.
Status check_fields(const HeaderFields& fields);

}  // namespace optimilter
