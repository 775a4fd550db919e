// SPDX-License-Identifier: Apache-2.0
//
// Lists in files, in the manner of Postfix: texthash (a key a line), regexp_table(5) and cidr_table(5), so
// that one file serves both. Here a line only tells whether something is in the list: what stands behind the
// key does not matter, but DUNNO takes a key out of it again. The first line that fits decides, of texthash
// the narrowest key. Files are read once, whole. Immutable, so thread safe.
//
// Security: the text looked up is a stranger's; see policy/regex.hpp and policy/mail_address.hpp for its
// bounds. A file may have 16 MiB, and 1000 expressions.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "policy/network.hpp"
#include "policy/regex.hpp"
#include "policy/settings.hpp"

namespace optimilter {

enum class ListKind : std::uint8_t { kTexthash, kRegexp, kCidr };

class ListFile {
  public:
    // plain: as plain_address() gives it. Of a cidr list always false.
    bool holds_address(const std::string& plain) const;
    // word: in lower case. Of a cidr list always false.
    bool holds_word(const std::string& word) const;
    // Of a cidr list only.
    bool holds_client(const IpAddress& address) const;

    ListKind kind() const { return kind_; }
    std::size_t size() const { return keys_.size() + rows_.size(); }

  private:
    friend class ListReader;
    struct Row {
        std::variant<Network, Regex> pattern;
        bool negated = false;
        bool in_list = true;       // false: DUNNO
        std::size_t else_row = 0;  // of an "if": where to go on when it does not hold; 0: no "if"
    };
    template <typename Fits>
    bool first_row(Fits&& fits) const;

    ListKind kind_ = ListKind::kTexthash;
    std::unordered_map<std::string, bool> keys_;  // false: DUNNO
    std::vector<Row> rows_;
};

struct LoadedList {
    std::shared_ptr<const ListFile> list;   // null when there are problems
    std::vector<SettingsProblem> problems;  // file:line
};

// "texthash:/path", "regexp:/path", "cidr:/path". kUnsupported: not one of these; the text says what is, for
// the kinds of Postfix that are read otherwise.
struct ListPlace {
    ListKind kind = ListKind::kTexthash;
    std::string path;
};
Result<ListPlace> parse_list_place(std::string_view text);
// Does text name a list file rather than an address or a network?
bool names_list_file(std::string_view text);

LoadedList load_list(const ListPlace& place);
LoadedList parse_list(ListKind kind, std::string_view text, const std::string& name);

}  // namespace optimilter
