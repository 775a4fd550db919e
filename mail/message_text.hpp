// SPDX-License-Identifier: Apache-2.0
//
// A whole message as it lies in a .eml file, split into header fields and body. Only for tools and tests: the
// MTA hands us both apart. Line ends may be CRLF, LF or mixed. An mbox "From " line before the header belongs
// to neither: its bytes stay in front. Thread safe: pure function.
//
// Security: hostile input; linear.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/header_field.hpp"

namespace optimilter {

struct MessageText {
    HeaderFields fields;  // views into the message
    ByteRange header;     // from the first field to the blank line
    ByteRange body;       // after the blank line to the end; empty when there is none
};

// kMalformed: no fields at all, or a header that readers split differently. kLimit: header above 1 MiB.
Result<MessageText> split_message(ByteView message);

}  // namespace optimilter
