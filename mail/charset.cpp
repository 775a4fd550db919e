// SPDX-License-Identifier: Apache-2.0
#include "mail/charset.hpp"

#include <iconv.h>

#include <array>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "base/text.hpp"

namespace optimilter {
namespace {

void append_utf8(std::string& out, std::uint32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | (c >> 6));
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xE0 | (c >> 12));
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

// windows-1252 for 0x80 to 0x9F; 0 where it has no character.
constexpr std::array<std::uint16_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

std::uint32_t from_windows_1252(std::uint8_t byte) {
    return byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80u] : byte;
}

std::uint32_t from_latin_9(std::uint8_t byte) {
    switch (byte) {
        case 0xA4:
            return 0x20AC;
        case 0xA6:
            return 0x0160;
        case 0xA8:
            return 0x0161;
        case 0xB4:
            return 0x017D;
        case 0xB8:
            return 0x017E;
        case 0xBC:
            return 0x0152;
        case 0xBD:
            return 0x0153;
        case 0xBE:
            return 0x0178;
        default:
            return byte;
    }
}

std::optional<std::string> by_byte(std::string_view text, std::uint32_t (*code_point)(std::uint8_t)) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        const std::uint32_t found = code_point(byte);
        if (found == 0 && byte != 0) return std::nullopt;
        append_utf8(out, found);
    }
    return out;
}

// Charset names of strangers never reach iconv_open(3), which would take them as module names and suffixes.
constexpr std::string_view kIconvCharsets[] = {
    "iso-8859-2",   "iso-8859-3",   "iso-8859-4",   "iso-8859-5",   "iso-8859-6",   "iso-8859-7",
    "iso-8859-8",   "iso-8859-9",   "iso-8859-10",  "iso-8859-13",  "iso-8859-14",  "iso-8859-16",
    "windows-1250", "windows-1251", "windows-1253", "windows-1254", "windows-1255", "windows-1256",
    "windows-1257", "windows-1258", "koi8-r",       "koi8-u",       "gb2312",       "gbk",
    "gb18030",      "big5",         "shift_jis",    "euc-jp"};

struct CloseIconv {
    using pointer = iconv_t;
    void operator()(iconv_t handle) const { iconv_close(handle); }
};

std::optional<std::string> by_iconv(std::string_view text, std::string_view charset) {
    for (const std::string_view known : kIconvCharsets) {
        if (!iequals(known, charset)) continue;
        const iconv_t opened = iconv_open("UTF-8", std::string(known).c_str());
        if (opened == reinterpret_cast<iconv_t>(-1)) return std::nullopt;
        const std::unique_ptr<std::remove_pointer_t<iconv_t>, CloseIconv> handle(opened);
        std::string in(text);
        std::string out(text.size() * 4 + 16, '\0');
        char *from = in.data(), *to = out.data();
        std::size_t from_left = in.size(), to_left = out.size();
        if (iconv(handle.get(), &from, &from_left, &to, &to_left) == static_cast<std::size_t>(-1))
            return std::nullopt;
        if (iconv(handle.get(), nullptr, nullptr, &to, &to_left) == static_cast<std::size_t>(-1))
            return std::nullopt;
        out.resize(out.size() - to_left);
        return out;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> to_utf8(std::string_view text, std::string_view charset) {
    if (text.size() > kMaxCharsetBytes) return std::nullopt;
    if (iequals(charset, "utf-8") || iequals(charset, "us-ascii") || iequals(charset, "utf8")) {
        if (!is_utf8(text)) return std::nullopt;
        return std::string(text);
    }
    // Mailers say iso-8859-1 and mean windows-1252, as browsers read it (WHATWG Encoding).
    if (iequals(charset, "iso-8859-1") || iequals(charset, "windows-1252"))
        return by_byte(text, from_windows_1252);
    if (iequals(charset, "iso-8859-15")) return by_byte(text, from_latin_9);
    return by_iconv(text, charset);
}

}  // namespace optimilter
