// SPDX-License-Identifier: Apache-2.0
//
// What one MIME entity's own fields say (RFC 2045, RFC 2183): type, encoding, boundary, file name. Refuses
// fields that two readers could take differently. Knows nothing of where the entity lies. Thread safe: pure
// functions.
//
// Security: hostile input, bounded by kMaxMimeValueBytes for each field it reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "mail/header_field.hpp"
#include "mail/mime_index.hpp"

namespace optimilter {

struct Entity {
    std::string type;      // lower case
    std::string boundary;  // of a multipart, checked; empty otherwise
    TransferEncoding encoding = TransferEncoding::kSevenBit;
    std::string file_name;
    std::string_view
        size_digits;  // view into the Content-Disposition field; empty: none that can be corrected
};

// default_type: what a missing Content-Type means here (RFC 2046 sec. 5.1.5). kMalformed with the reason.
Result<Entity> read_entity(const HeaderFields& fields, std::string_view default_type);

// Success when the message says that it is MIME 1.0 (RFC 2045 sec. 4); kUnsupported when it does not say so,
// kMalformed when it says it twice.
Status check_mime_version(const HeaderFields& fields);

// One Content-Type, Content-Transfer-Encoding, Content-Disposition and MIME-Version at most.
Status check_duplicate_fields(const HeaderFields& fields);

}  // namespace optimilter
