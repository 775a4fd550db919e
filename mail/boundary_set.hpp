// SPDX-License-Identifier: Apache-2.0
//
// The boundaries that are open at one place of a message (RFC 2046 sec. 5.1.1), asked once for every line
// that starts with "--". No boundary in the set is a prefix of another, so at most one can begin a line, and
// a binary search finds it: the cost of a line does not grow with the number of open multiparts. Not thread
// safe; one owner.
//
// Security: hostile input; the caller bounds the number of boundaries (MimeLimits::max_depth).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

// kMalformed unless text is a boundary that every reader takes alike: 1 to 70 characters of bchars, not
// ending in a blank, no encoded word.
Status check_boundary(std::string_view text);

class BoundarySet {
  public:
    // What a line that starts with a boundary turns out to be.
    enum class Kind { kDelimiter, kClose, kAmbiguous };
    struct Match {
        std::size_t level = 0;  // as given to add()
        Kind kind = Kind::kAmbiguous;
    };

    // kMalformed when text is equal to, a prefix of or prefixed by an open boundary.
    Status add(std::string text, std::size_t level);
    void remove(std::size_t level);

    // line: without its line end. Nothing: it is no boundary line. kAmbiguous: it starts with "--" and a
    // boundary, but something else than blanks, or "--" and blanks, follows.
    std::optional<Match> match(std::string_view line) const;

  private:
    struct Open {
        std::string text;
        std::size_t level;
    };
    std::vector<Open> open_;  // sorted by text
};

}  // namespace optimilter
