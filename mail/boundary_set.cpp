// SPDX-License-Identifier: Apache-2.0
#include "mail/boundary_set.hpp"

#include <algorithm>

namespace optimilter {
namespace {

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 sec. 5.1.1

bool is_bchar(char c) {
    constexpr std::string_view kPunctuation = "'()+_,-./:=? ";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kPunctuation.find(c) != kPunctuation.npos;
}

bool only_blanks(std::string_view text) {
    return text.find_first_not_of(" \t") == text.npos;
}

Error malformed(const char* text) {
    return {ErrorCode::kMalformed, text};
}

}  // namespace

Status check_boundary(std::string_view text) {
    if (text.empty()) return malformed("an empty boundary");
    if (text.size() > kMaxBoundary) return malformed("a boundary longer than 70 characters");
    if (!std::all_of(text.begin(), text.end(), is_bchar))
        return malformed("a boundary with characters that are not allowed");
    if (text.back() == ' ') return malformed("a boundary that ends in a blank");
    const std::size_t word = text.find("=?");
    if (word != text.npos && text.find("?=", word + 2) != text.npos)
        return malformed("an encoded word in a boundary");
    return Success{};
}

Status BoundarySet::add(std::string text, std::size_t level) {
    const auto after = std::lower_bound(open_.begin(), open_.end(), text,
                                        [](const Open& open, const std::string& t) { return open.text < t; });
    const bool prefix_of_next = after != open_.end() && after->text.starts_with(text);
    const bool has_prefix = after != open_.begin() && text.starts_with(std::prev(after)->text);
    if (prefix_of_next || has_prefix) return malformed("a boundary that is a prefix of another open one");
    open_.insert(after, Open{std::move(text), level});
    return Success{};
}

void BoundarySet::remove(std::size_t level) {
    std::erase_if(open_, [&](const Open& open) { return open.level == level; });
}

std::optional<BoundarySet::Match> BoundarySet::match(std::string_view line) const {
    if (!line.starts_with("--")) return std::nullopt;
    line.remove_prefix(2);
    auto found = std::upper_bound(open_.begin(), open_.end(), line, [](std::string_view l, const Open& open) {
        return l < std::string_view(open.text);
    });
    if (found == open_.begin()) return std::nullopt;
    --found;
    if (!line.starts_with(found->text)) return std::nullopt;
    line.remove_prefix(found->text.size());
    if (only_blanks(line)) return Match{found->level, Kind::kDelimiter};
    if (line.starts_with("--") && only_blanks(line.substr(2))) return Match{found->level, Kind::kClose};
    return Match{found->level, Kind::kAmbiguous};
}

}  // namespace optimilter
