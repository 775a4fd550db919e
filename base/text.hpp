// SPDX-License-Identifier: Apache-2.0
//
// Small pieces of text work that several floors need. ASCII only: mail and format keywords are ASCII, and the
// locale must never matter.
#pragma once

#include <string>
#include <string_view>

namespace optimilter {

constexpr char ascii_lower(char c) {
    return (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
}
std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
bool icontains(std::string_view text, std::string_view word);
// Without blanks, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);

// Text of strangers made fit for a log line or a terminal: control bytes, DEL, bytes that are no valid UTF-8,
// and Unicode controls (C1, line and direction marks) become '?'; at most limit bytes, cut at a character and
// ended by "...". The rule of Postfix printable(), widened to what UTF-8 terminals obey.
std::string printable(std::string_view text, std::size_t limit = 200);

// true when text is well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

// The candidate nearest to word by edit distance, or empty when none is near enough to be a slip.
std::string_view nearest_name(std::string_view word, const std::string_view* candidates, std::size_t count);

}  // namespace optimilter
