// SPDX-License-Identifier: Apache-2.0
//
// The new message body: the old bytes with some ranges replaced, nothing else. Thread safe: pure functions.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/memfd.hpp"
#include "base/result.hpp"
#include "mail/mime_index.hpp"

namespace optimilter {

// A new body for one part, and the size of what it decodes to (for the part's size=, when it has one).
struct PartReplacement {
    std::uint32_t part = 0;  // index of the part
    std::string body;        // encoded, in the message's own line ends
    std::size_t decoded_size = 0;
    bool to_png = false;  // its header, too, changes as edits_to_png() says
};

// Writes the whole new body to a fresh memory file. Before returning it is indexed again and compared: same
// parts (type and file name of those that became PNG apart), and every byte outside the replaced ranges
// equal; kInternal when not. replacements: in any order, one a part. kLimit when the result would not be
// strictly smaller than the old body. deadline is looked at between the steps, each one pass over the body:
// kDeadline when it has come.
Result<Memfd> splice(const HeaderFields& fields, ByteView body, const MimeIndex& index,
                     std::vector<PartReplacement> replacements, const MimeLimits& limits = {},
                     Deadline deadline = Deadline());

}  // namespace optimilter
