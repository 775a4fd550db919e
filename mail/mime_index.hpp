// SPDX-License-Identifier: Apache-2.0
//
// The parts of a message as byte ranges into its body: an index, never a copy, so that untouched bytes are
// never written anew. Strict on purpose: what two readers could see differently is refused as a whole (RFC
// 2046 sec. 5.1, and the list in FACTS about duplicate fields, missing final boundaries, NUL bytes and prefix
// boundaries). Thread safe: pure function.
//
// Security: hostile input. Bounded by MimeLimits in depth, parts and header bytes; linear in the body's size;
// no recursion on input depth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/header_field.hpp"

namespace optimilter {

struct MimeLimits {
    std::size_t max_depth = 20;              // multiparts in multiparts, and messages in messages
    std::size_t max_parts = 2000;            // entities in all
    std::size_t max_header_bytes = 1 << 20;  // headers of all parts together
    // Attached messages (message/rfc822) have their parts in the index, too: the message is a node with one
    // child. One that says itself that it must not change, or cannot be read, is one leaf as it is without
    // this.
    bool inner_messages = false;
};

enum class TransferEncoding : std::uint8_t {
    kSevenBit,
    kEightBit,
    kBinary,
    kQuotedPrintable,
    kBase64,
    kUnknown
};
std::string_view transfer_encoding_name(TransferEncoding encoding);

// One MIME entity (RFC 2045 sec. 2.4). Offsets are into the message body as given to index_message().
struct Part {
    std::uint32_t index = 0;   // place in MimeIndex::parts, depth first, 0 = the message itself
    std::uint32_t parent = 0;  // index of the enclosing multipart or message (0 for part 0)
    std::uint32_t depth = 0;   // 0 = the message itself
    ByteRange header;  // header block without the blank line; empty for part 0, whose fields are given apart
    ByteRange body;    // without the line end that belongs to the following boundary delimiter
    HeaderFields fields;
    std::string type;  // "image/jpeg", lower case; what RFC 2045 5.2 and 2046 5.1.5 make of a missing one
    bool multipart = false;  // has children in the index: a multipart, or an attached message that was opened
    TransferEncoding encoding = TransferEncoding::kSevenBit;
    std::string
        file_name;  // Content-Disposition filename, else Content-Type name; RFC 2231 and 2047 decoded, UTF-8
                    // where the charset is known, else as it came; foreign text; empty: none
    std::optional<ByteRange>
        size_value;  // digits of Content-Disposition's size= (RFC 2183 sec. 2.7), in the body
    bool crlf =
        true;  // its line ends are CRLF, as far as its header's last line tells (part 0: the body's first)
};

struct MimeIndex {
    std::vector<Part> parts;
};

// fields: the message's own header. body: everything after the blank line; it must outlive the index.
// Errors: kMalformed (ambiguous or broken, the text says what), kLimit, kUnsupported (no MIME-Version: no
// MIME).
Result<MimeIndex> index_message(const HeaderFields& fields, ByteView body, const MimeLimits& limits = {});

}  // namespace optimilter
