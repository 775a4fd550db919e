// SPDX-License-Identifier: Apache-2.0
//
// What must change in a part's header when its picture became PNG: the type, and the extension of the file
// name in name= and filename=, edited in place; nothing else of the header changes, Content-ID least of all.
// Only names that can be edited safely: as they are, percent-encoded (RFC 2231, one piece), or an encoded
// word of kind Q (RFC 2047). Knows no pictures. Thread safe: pure functions.
//
// Security: hostile input, bounded as read_mime_value() is.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/mime_index.hpp"

namespace optimilter {

// One range of the message body and what stands there instead; neither is empty.
struct TextEdit {
    ByteRange range;
    std::string text;
};

inline constexpr std::string_view kPngType = "image/png";

// The edits for a part of body, in file order. kUnsupported: the header is not in the body (part 0), has no
// type, or a name that cannot be edited; the text says which.
Result<std::vector<TextEdit>> edits_to_png(ByteView body, const Part& part);

// The name with its extension changed; empty for no name, and for one without an extension that we know as a
// picture's.
std::string png_name(std::string_view file_name);

}  // namespace optimilter
