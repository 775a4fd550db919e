// SPDX-License-Identifier: Apache-2.0
//
// What must never be changed, told from headers, structure and a few words of text: signed, encrypted,
// partial, report mail, and parts whose bytes something else vouches for. Every refusal has a reason for the
// log (static text). What a type can gain is not known here. Thread safe: pure functions.
//
// Security: hostile input; linear in the body.
#pragma once

#include <string>
#include <string_view>

#include "mail/mime_index.hpp"

namespace optimilter {

struct UntouchableOptions {
    bool skip_dkim = true;  // leave messages with DKIM-Signature, DomainKey-Signature or ARC-* fields alone
};

// The name of the trace field that marks a message as processed.
inline constexpr std::string_view kTraceHeader = "X-Optimilter";

// Decided at the end of headers, before any body byte is sent. Empty: go on; else the reason (static text).
// null_sender: envelope sender is <>. "nothing to optimise" is said of mail that holds nothing that could be
// rewritten: a single text, or a single part that is not base64.
std::string_view untouchable_headers(const HeaderFields& fields, bool null_sender,
                                     const UntouchableOptions& options);

// Decided with the whole body: adds what only the structure and the text tell (inline PGP in any text, any
// signed or encrypted entity whatever its depth, a detached signature that vouches for a neighbour). Empty:
// go on.
std::string_view untouchable_message(const MimeIndex& index, ByteView body);

// One part: types, subtrees and fields that forbid a change (text/*, message/*, children of multipart/report,
// Content-MD5, an encoding other than base64, a size= that cannot be corrected, ...). Empty: it may be
// rewritten, if its base64 is clean.
std::string_view untouchable_part(const MimeIndex& index, const Part& part);

}  // namespace optimilter
