// SPDX-License-Identifier: Apache-2.0
#include "policy/mail_address.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestAddress = 1000;
constexpr std::size_t kMostKeys = 20;

}  // namespace

std::string plain_address(std::string_view text) {
    text = trim(text);
    if (text.starts_with('<')) text.remove_prefix(1);
    if (text.ends_with('>')) text.remove_suffix(1);
    if (text.starts_with('@')) {
        const std::size_t colon = text.find(':');
        if (colon != std::string_view::npos) text.remove_prefix(colon + 1);
    }
    return to_lower(text.substr(0, kLongestAddress));
}

std::vector<std::string> address_keys(const std::string& plain) {
    if (plain.empty()) return {"<>"};
    std::vector<std::string> keys{plain};
    const std::size_t at = plain.rfind('@');
    if (at == std::string::npos) return keys;
    std::string_view domain = std::string_view(plain).substr(at + 1);
    keys.emplace_back(domain);
    for (std::size_t dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', 1)) {
        domain.remove_prefix(dot);
        keys.emplace_back(domain);
        if (keys.size() + 1 == kMostKeys) break;
    }
    keys.push_back(plain.substr(0, at + 1));
    return keys;
}

std::string address_pattern_key(std::string_view pattern) {
    if (pattern == "<>") return "<>";
    if (pattern.starts_with('@')) pattern.remove_prefix(1);
    const bool plain = std::all_of(pattern.begin(), pattern.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 0x7F && c != '<' && c != '>' && c != '*' &&
               c != ':' && c != '/' && c != ',';
    });
    if (!plain || pattern == "." || pattern.starts_with("..")) return {};
    return to_lower(pattern);
}

}  // namespace optimilter
