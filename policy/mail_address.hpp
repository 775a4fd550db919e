// SPDX-License-Identifier: Apache-2.0
//
// Mail addresses as envelopes hold them, and the keys under which lists look for one, as in access(5) of
// Postfix. Knows no list. Thread safe: pure functions.
//
// Security: addresses are the sender's; what is over 1000 bytes is cut.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

// "<Anna@Example.ORG>" -> "anna@example.org"; a source route and the brackets go; "<>" and "" give "", the
// null sender. Lower case, because no host in use tells letter cases apart.
std::string plain_address(std::string_view text);

// What to look for, narrowest first: the address, its domain, ".parent" for each domain above it, "user@".
// For the null sender: "<>". Never empty. At most 20.
std::vector<std::string> address_keys(const std::string& plain);

// A pattern as written in a rule, as such a key: "user@example.org", "example.org" (also "@example.org"),
// ".example.org" (all below it), "user@", "<>". Empty: it is none of these.
std::string address_pattern_key(std::string_view pattern);

}  // namespace optimilter
