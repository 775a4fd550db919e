// SPDX-License-Identifier: Apache-2.0
//
// What mimetic, a reader of MIME that shares no code with ours, makes of a mail: the tree of entities as one
// list. Pure functions.
//
// Security: mimetic recurses on nesting (fatal at 100 000 levels) and is slow on very long lines, so the
// caller gives it no more than kLargestMimeticMail.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter::fuzz {

inline constexpr std::size_t kLargestMimeticMail = 64 * 1024;

struct SeenEntity {
    std::size_t depth = 0;
    std::string fields;  // names and values, one a line
    std::string text;    // body of a leaf, without CR; empty for others
};

// Depth first. Nothing: too large, or mimetic gave up by exception.
std::optional<std::vector<SeenEntity>> entities_by_mimetic(std::string_view mail);

}  // namespace optimilter::fuzz
