// SPDX-License-Identifier: Apache-2.0
//
// A mail in which base64 parts are cut to half of their content by mail/mime_splice, as an optimizer would
// make them smaller, and the same written down without it. For the target "mail" and for compare_readers.py.
// Knows nothing of file formats. Pure functions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "mail/message_text.hpp"
#include "mail/mime_index.hpp"
#include "mail/mime_splice.hpp"

namespace optimilter::fuzz {

struct HalvedMail {
    MessageText before;  // views into the text
    MimeIndex index;
    std::vector<PartReplacement> replacements;  // empty: no part of it may be rewritten
    std::string expected;                       // the new body, put together here
    Result<std::string> spliced = Error{};      // the new body, as splice() made it
};

// chosen: asked for each part that may be halved. The error is that of the first reader that refused.
Result<HalvedMail> halve_mail(ByteView text, const std::function<bool(const Part&)>& chosen);

}  // namespace optimilter::fuzz
