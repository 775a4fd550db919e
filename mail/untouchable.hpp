// SPDX-License-Identifier: Apache-2.0
//
// What must never be changed, told from headers and structure alone: signed, encrypted, partial, report mail,
// and parts whose bytes something else vouches for. Every refusal has a reason for the log. Thread safe: pure
// functions.
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
// null_sender: envelope sender is <>.
std::string_view untouchable_headers(const HeaderFields& fields, bool null_sender,
                                     const UntouchableOptions& options);

// Decided with the whole body: adds what only the structure and the text tell (inline PGP, any signed or
// encrypted entity whatever its depth). Empty: go on.
std::string_view untouchable_message(const MimeIndex& index, ByteView body);

// One leaf part: subtrees and fields that forbid a change (Content-MD5, message/*, application/ms-tnef, ...).
std::string_view untouchable_part(const MimeIndex& index, const Part& part);

}  // namespace optimilter
