// SPDX-License-Identifier: Apache-2.0
#include "optimizers/xmp_gps.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace optimilter {

namespace {

constexpr std::string_view kProperty = "exif:GPS";

// The end of the property whose name starts at `at`, or npos. An attribute ends at its closing quote; an
// element, opened one character earlier, ends with its closing tag.
std::size_t property_end(std::string_view text, std::size_t at) {
    const std::size_t name_end = text.find_first_not_of(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", at + kProperty.size());
    if (name_end == std::string_view::npos) return name_end;
    if (text[at - 1] == '<') {
        const std::string closing = "</" + std::string(text.substr(at, name_end - at)) + ">";
        const std::size_t found = text.find(closing, name_end);
        return found == std::string_view::npos ? found : found + closing.size();
    }
    const std::size_t quote = text.find_first_not_of(" \t\r\n=", name_end);
    if (quote == std::string_view::npos || (text[quote] != '"' && text[quote] != '\''))
        return std::string_view::npos;
    const std::size_t found = text.find(text[quote], quote + 1);
    return found == std::string_view::npos ? found : found + 1;
}

}  // namespace

bool xmp_mentions_gps(ByteView packet) {
    return as_text(packet).find("GPS") != std::string_view::npos;
}

bool blank_xmp_gps(Bytes& packet) {
    const std::string_view text = as_text(packet);
    for (std::size_t at = text.find(kProperty); at != std::string_view::npos; at = text.find(kProperty, at)) {
        if (at == 0) return false;
        const std::size_t end = property_end(text, at);
        if (end == std::string_view::npos) return false;
        const std::size_t begin = text[at - 1] == '<' ? at - 1 : at;
        std::fill(packet.begin() + static_cast<std::ptrdiff_t>(begin),
                  packet.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{' '});
    }
    return !xmp_mentions_gps(packet);
}

}  // namespace optimilter
