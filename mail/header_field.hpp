// SPDX-License-Identifier: Apache-2.0
//
// One header field of a message, as it stands: a name without the colon and the raw value, folds included
// (RFC 5322 sec. 2.2). Views: they live as long as the message they point into. What the values mean is not
// known here. Thread safe: plain values and pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

struct HeaderField {
    std::string_view name;
    std::string_view value;  // everything after the colon, without the final line end
};

using HeaderFields = std::vector<HeaderField>;

// The first field of that name (letter case does not matter), or nullptr.
const HeaderField* find_field(const HeaderFields& fields, std::string_view name);
std::size_t count_fields(const HeaderFields& fields, std::string_view name);

}  // namespace optimilter
