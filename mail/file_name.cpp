// SPDX-License-Identifier: Apache-2.0
#include "mail/file_name.hpp"

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "mail/charset.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// escape and two hex digits become one byte ("%41", "=41"); an escape without digits stays.
std::string decode_escapes(std::string_view text, char escape) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == escape && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                             hex_digit(text[i + 2]) >= 0;
        if (!escaped) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
        i += 2;
    }
    return out;
}

// The sections of an RFC 2231 value put together: charset of the first, bytes of all.
struct ExtendedValue {
    std::string charset;
    std::string bytes;
    std::string as_it_came;
    bool first = true;

    void add(const MimeParameter& section, bool extended) {
        std::string_view text = section.value;
        as_it_came += text;
        if (first && extended) {
            const std::size_t charset_end = text.find('\'');
            const std::size_t language_end =
                charset_end == text.npos ? text.npos : text.find('\'', charset_end + 1);
            if (language_end != text.npos) {
                charset = std::string(text.substr(0, charset_end));
                text.remove_prefix(language_end + 1);
            }
        }
        first = false;
        bytes += extended ? decode_escapes(text, '%') : std::string(text);
    }
    std::string text() const {
        const auto converted = to_utf8(bytes, charset.empty() ? "utf-8" : charset);
        return converted ? *converted : as_it_came;
    }
};

std::optional<std::string> extended_text(const MimeValue& value, const std::string& name) {
    ExtendedValue extended;
    if (const MimeParameter* whole = find_parameter(value, name + "*")) {
        extended.add(*whole, true);
        return extended.text();
    }
    for (std::size_t number = 0; number < kMaxMimeParameters; ++number) {
        const std::string section = name + "*" + std::to_string(number);
        const MimeParameter* plain = find_parameter(value, section);
        const MimeParameter* escaped = find_parameter(value, section + "*");
        if (plain == nullptr && escaped == nullptr) break;
        extended.add(escaped != nullptr ? *escaped : *plain, escaped != nullptr);
    }
    if (extended.first) return std::nullopt;
    return extended.text();
}

// One encoded word at the start of text: "=?charset*language?Q?text?=".
struct EncodedWord {
    std::string_view charset;
    std::string bytes;
    std::size_t length = 0;  // characters of the word in the text
};

std::optional<EncodedWord> encoded_word_at(std::string_view text) {
    if (!text.starts_with("=?")) return std::nullopt;
    const std::size_t charset_end = text.find('?', 2);
    if (charset_end == text.npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?')
        return std::nullopt;
    const char encoding = ascii_lower(text[charset_end + 1]);
    if (encoding != 'b' && encoding != 'q') return std::nullopt;
    const std::size_t begin = charset_end + 3;
    const std::size_t end = text.find("?=", begin);
    if (end == text.npos) return std::nullopt;
    EncodedWord word;
    word.charset = text.substr(2, charset_end - 2);
    word.charset = word.charset.substr(0, word.charset.find('*'));
    word.length = end + 2;
    std::string inner(text.substr(begin, end - begin));
    if (encoding == 'b') {
        word.bytes = as_text(glimpse(as_bytes(inner), TransferEncoding::kBase64).head);
    } else {
        std::replace(inner.begin(), inner.end(), '_', ' ');
        word.bytes = decode_escapes(inner, '=');
    }
    return word;
}

std::size_t blanks_at(std::string_view text) {
    return std::min(text.find_first_not_of(" \t\r\n"), text.size());
}

// Appends the word at the start of text and those of its charset that follow: words side by side are one
// text, and some mailers cut them in the middle of a character. Returns the length used up, with the blanks
// before a further word, which do not count (RFC 2047 sec. 6.2).
std::size_t append_words(std::string& out, std::string_view text, const EncodedWord& word) {
    std::string bytes = word.bytes;
    std::size_t length = word.length;
    std::size_t gap = 0;
    while (true) {
        gap = blanks_at(text.substr(length));
        const auto more = encoded_word_at(text.substr(length + gap));
        if (!more) gap = 0;
        if (!more || !iequals(more->charset, word.charset)) break;
        bytes += more->bytes;
        length += gap + more->length;
    }
    const auto converted = to_utf8(bytes, word.charset);
    out += converted ? *converted : std::string(text.substr(0, length));
    return length + gap;
}

}  // namespace

std::string decode_encoded_words(std::string_view text) {
    // Behind the last "?=" no word can end. Looking only before it, every search for an end is a hit that is
    // used up, so that the whole is linear.
    const std::size_t last_end = text.rfind("?=");
    if (last_end == text.npos) return std::string(text);
    const std::string_view tail = text.substr(last_end + 2);
    text = text.substr(0, last_end + 2);
    std::string out;
    while (!text.empty()) {
        if (const auto word = encoded_word_at(text)) {
            const std::size_t length = append_words(out, text, *word);
            text.remove_prefix(length);
            continue;
        }
        const std::size_t next = std::min(text.find("=?", 1), text.size());
        out += text.substr(0, next);
        text.remove_prefix(next);
    }
    out += tail;
    return out;
}

std::string parameter_text(const MimeValue& value, std::string_view name) {
    const std::string wanted(name);
    if (auto extended = extended_text(value, wanted)) return *extended;
    const MimeParameter* plain = find_parameter(value, wanted);
    return plain == nullptr ? std::string() : decode_encoded_words(plain->value);
}

}  // namespace optimilter
