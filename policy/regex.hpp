// SPDX-License-Identifier: Apache-2.0
//
// Regular expressions of rules and lists, by RE2: time linear in the text, bounded memory, no
// back-references. Everything that RE2 says stays inside. Thread safe; copies share one program.
//
// Security: the text is a stranger's. Only its first kMostInput bytes are looked at.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace optimilter {

class Regex {
  public:
    static constexpr std::size_t kMostInput = 4096;  // bytes

    // UTF-8; matches bytes that are none as well. kMalformed with RE2's words, kLimit for a pattern over 2000
    // bytes or too costly.
    static Result<Regex> compile(std::string_view pattern, bool ignore_case);
    // "*" stands for any text, "?" for one character, everything else for itself; of the whole text, whatever
    // its letter case.
    static Result<Regex> glob(std::string_view pattern);

    // Anywhere in text.
    bool found_in(std::string_view text) const;

  private:
    explicit Regex(std::shared_ptr<const re2::RE2> program) : program_(std::move(program)) {}
    std::shared_ptr<const re2::RE2> program_;
};

}  // namespace optimilter
