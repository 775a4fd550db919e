// SPDX-License-Identifier: Apache-2.0
//
// The base64 alphabet (RFC 4648 sec. 4) as tables that are made while compiling: four characters to 24 bits
// at a time, 12 bits to two characters at a time. Knows neither lines nor padding. Thread safe: constants.
//
// Security: decoding tables have 256 rows and are indexed by bytes, encoding tables 4096 and by 12 bits.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace optimilter {

inline constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Set in what a table says of a character outside the alphabet ('=' is outside).
inline constexpr std::uint32_t kNotBase64 = 0x80000000u;

using Base64Tables = std::array<std::array<std::uint32_t, 256>, 4>;

// Table i holds the value of a quad's character i in its place within the 24 bits.
inline constexpr Base64Tables kBase64Tables = [] {
    Base64Tables tables{};
    for (std::size_t place = 0; place < 4; ++place) {
        for (auto& value : tables[place]) value = kNotBase64;
        for (std::uint32_t i = 0; i < 64; ++i)
            tables[place][static_cast<std::uint8_t>(kBase64Alphabet[i])] = i << (18 - 6 * place);
    }
    return tables;
}();

inline constexpr std::array<std::array<char, 2>, 4096> kBase64Pairs = [] {
    std::array<std::array<char, 2>, 4096> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i)
        pairs[i] = {kBase64Alphabet[i >> 6], kBase64Alphabet[i & 63]};
    return pairs;
}();

// 24 bits of four characters, or a value with kNotBase64 set.
inline std::uint32_t base64_quad(const std::uint8_t* in) {
    return kBase64Tables[0][in[0]] | kBase64Tables[1][in[1]] | kBase64Tables[2][in[2]] |
           kBase64Tables[3][in[3]];
}

}  // namespace optimilter
