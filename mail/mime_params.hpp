// SPDX-License-Identifier: Apache-2.0
//
// Values of structured MIME fields (RFC 2045 sec. 5.1, RFC 2183): a head such as "image/jpeg" or "attachment"
// and parameters, with quotes, escapes, comments and folds understood. Where a strict reader and a lenient
// one would see different things it says so and leaves the judgement to the caller. RFC 2231 and 2047 are not
// known here (mail/file_name). Thread safe: pure functions.
//
// Security: hostile input; values above kMaxMimeValueBytes are refused; linear, no recursion.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

inline constexpr std::size_t kMaxMimeValueBytes = 8192;
inline constexpr std::size_t kMaxMimeParameters = 256;

struct MimeParameter {
    std::string name;   // lower case
    std::string value;  // without quotes, escapes and folds
    ByteRange raw;      // the value as it stands in the field's raw value, without its quotes
    bool plain = true;  // raw bytes and value are the same
};

struct MimeValue {
    std::string head;  // lower case; empty when there is none
    std::vector<MimeParameter> parameters;
    bool stray_after_head = false;  // something other than ';' or a comment follows the head
    // Somewhere in the parameters stands what readers take differently: text after a value, a parameter
    // without '=', a comment that holds a ';', '=' or '"'.
    bool sloppy = false;
};

// raw: a field's value as it stands, folds included. kMalformed: longer than the bound, unterminated quotes
// or comments, too many parameters.
Result<MimeValue> read_mime_value(std::string_view raw);

// The first parameter of that (lower case) name, or nullptr.
const MimeParameter* find_parameter(const MimeValue& value, std::string_view name);
std::size_t count_parameters(const MimeValue& value, std::string_view name);

// RFC 2045 sec. 5.1 token.
bool is_mime_token(std::string_view text);

}  // namespace optimilter
