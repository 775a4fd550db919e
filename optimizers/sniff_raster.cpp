// SPDX-License-Identifier: Apache-2.0
#include "optimizers/sniff_raster.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {

namespace {

using namespace std::string_view_literals;

bool is_digit(std::uint8_t c) {
    return c >= '0' && c <= '9';
}

// "P5", a blank, and the width or a comment.
bool is_pnm(ByteView input) {
    if (input.size() < 8 || input[0] != 'P' || input[1] < '1' || input[1] > '6') return false;
    const bool blank = input[2] == '\n' || input[2] == ' ' || input[2] == '\r' || input[2] == '\t';
    return blank && (is_digit(input[3]) || input[3] == '#');
}

bool is_sgi(ByteView input) {
    return input.size() >= 512 && starts_with(input, "\x01\xDA"sv) && input[2] <= 1 &&
           (input[3] == 1 || input[3] == 2) && read_be16(&input[4]) >= 1 && read_be16(&input[4]) <= 3;
}

bool is_pcx(ByteView input) {
    if (input.size() < 128 || input[0] != 0x0A || input[1] > 5 || input[1] == 1 || input[2] > 1) return false;
    const unsigned bits = input[3];
    const bool plausible = bits == 1 || bits == 2 || bits == 4 || bits == 8;
    return plausible && input[64] == 0 && input[65] >= 1 && input[65] <= 4 &&
           read_le16(&input[8]) >= read_le16(&input[4]) && read_le16(&input[10]) >= read_le16(&input[6]);
}

bool named_tga(const TypeHint& hint) {
    constexpr std::string_view kTypes[] = {"image/x-tga", "image/x-targa", "image/tga", "image/targa"};
    const std::size_t dot = hint.file_name.rfind('.');
    const std::string_view extension =
        dot == std::string_view::npos ? std::string_view() : hint.file_name.substr(dot);
    return iequals(extension, ".tga") ||
           std::find(std::begin(kTypes), std::end(kTypes), hint.mime_type) != std::end(kTypes);
}

// Without its footer a TGA file is known by name, and its header must be possible.
bool is_tga(ByteView input, const TypeHint& hint) {
    constexpr std::string_view kFooter = "TRUEVISION-XFILE.\0"sv;
    if (input.size() < 18) return false;
    const unsigned type = input[2];
    const unsigned bits = input[16];
    const bool type_known = (type >= 1 && type <= 3) || (type >= 9 && type <= 11);
    const bool bits_known = bits == 8 || bits == 15 || bits == 16 || bits == 24 || bits == 32;
    if (!type_known || !bits_known || input[1] > 1) return false;
    if (read_le16(&input[12]) == 0 || read_le16(&input[14]) == 0) return false;
    return (input.size() >= 44 && as_text(input.last(18)) == kFooter) || named_tga(hint);
}

}  // namespace

Format sniff_raster(ByteView input, const TypeHint& hint) {
    if (starts_with(input, "8BPS\0\1"sv) || starts_with(input, "8BPS\0\2"sv)) return Format::kPsd;
    if (starts_with(input, "\x59\xA6\x6A\x95"sv)) return Format::kSunRaster;
    if (is_pnm(input)) return Format::kPnm;
    if (is_sgi(input)) return Format::kSgi;
    if (is_pcx(input)) return Format::kPcx;
    return is_tga(input, hint) ? Format::kTga : Format::kUnknown;
}

}  // namespace optimilter
