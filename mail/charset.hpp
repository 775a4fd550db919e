// SPDX-License-Identifier: Apache-2.0
//
// Text in the usual charsets of mail turned into UTF-8, for file names in rules and logs. us-ascii, utf-8,
// iso-8859-1, iso-8859-15 and windows-1252 are done here; some more stateless charsets go through iconv(3).
// Stateful ones (ISO-2022, UTF-7) are left out: their converters have a history of faults. Thread safe: pure
// functions.
//
// Security: hostile input; at most kMaxCharsetBytes are converted, the charset's name never reaches iconv.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace optimilter {

inline constexpr std::size_t kMaxCharsetBytes = 8192;

// Nothing: charset not known, text not valid in it, or too long. charset: any letter case.
std::optional<std::string> to_utf8(std::string_view text, std::string_view charset);

}  // namespace optimilter
