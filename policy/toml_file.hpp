// SPDX-License-Identifier: Apache-2.0
//
// What settings files, policy files and lists have in common: reading a file whole, and collecting what is
// wrong with it by line. Knows no key. Thread safe: plain values.
//
// Security: the files are the operator's, but a slip in them must not end a running engine: sizes and the
// depth of dotted names are bounded before a parser sees them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "policy/settings.hpp"
#include "policy/toml.hpp"

namespace optimilter {

constexpr std::size_t kLargestTomlFile = 1 << 20;

// kIo with the system's words, kLimit for a file of more than largest_bytes. A FIFO does not hold it up.
Result<std::string> read_whole_file(const std::string& path, std::size_t largest_bytes);

// The problems of one file and the lines its keys stand on.
class Findings {
  public:
    explicit Findings(std::string file) : file_(std::move(file)) {}

    void set_line(std::string_view key, std::uint32_t line) { lines_[std::string(key)] = line; }
    // 0 when the file does not name the key.
    std::uint32_t line_of(std::string_view key) const;
    // line 0: the file as a whole.
    void add(std::uint32_t line, std::string_view text);
    // A problem that tells its own place.
    void add_placed(std::uint32_t line, std::string text) { found_.emplace_back(line, std::move(text)); }
    bool empty() const { return found_.empty(); }
    std::vector<SettingsProblem> in_file_order();

  private:
    std::string file_;
    std::map<std::string, std::uint32_t, std::less<>> lines_;
    std::vector<std::pair<std::uint32_t, std::string>> found_;
};

// Nothing, and a finding, when it is no TOML or nested out of all measure.
std::optional<toml::table> parse_toml(std::string_view text, std::string_view name, Findings& findings);

}  // namespace optimilter
