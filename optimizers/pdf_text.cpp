// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_text.hpp"

#include <string_view>

namespace optimilter {

namespace {

void append_string(std::string& to, const std::string& bytes) {
    to += '(';
    for (const char c : bytes) {
        // A bare carriage return would be read as a line feed.
        if (c == '\r') {
            to += "\\r";
            continue;
        }
        if (c == '(' || c == ')' || c == '\\') to += '\\';
        to += c;
    }
    to += ')';
}

// Two tokens need a blank between them unless one of the neighbours delimits itself.
void append_token(std::string& to, const std::string& token) {
    constexpr std::string_view kDelimiters = "()<>[]{}/%";
    const bool delimited = to.empty() || token.empty() ||
                           kDelimiters.find(token.front()) != std::string::npos ||
                           kDelimiters.find(to.back()) != std::string::npos;
    if (!delimited && to.back() != '\n' && to.back() != ' ') to += ' ';
    to += token;
}

}  // namespace

// libqpdf's unparse() leaves '#' as it is, and what follows would be read as the code of a byte.
std::string pdf_name_text(const std::string& name) {
    constexpr std::string_view kEscaped = "#()<>[]{}/%";
    constexpr char kHexDigits[] = "0123456789abcdef";
    std::string text = "/";
    for (const char c : std::string_view(name).substr(1)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7F && kEscaped.find(c) == std::string_view::npos) {
            text += c;
        } else {
            text += {'#', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
        }
    }
    return text;
}

void append_pdf_text(std::string& to, QPDFObjectHandle value, bool resolve) {
    if (value.isIndirect() && !resolve) return append_token(to, value.unparse());
    if (value.isString()) return append_string(to, value.getStringValue());
    if (value.isName()) return append_token(to, pdf_name_text(value.getName()));
    if (value.isArray()) {
        to += '[';
        for (const QPDFObjectHandle& item : value.getArrayAsVector()) append_pdf_text(to, item);
        to += ']';
    } else if (value.isDictionary()) {
        to += "<<";
        for (const auto& [key, item] : value.getDictAsMap()) {
            to += pdf_name_text(key);
            append_pdf_text(to, item);
        }
        to += ">>";
    } else {
        append_token(to, value.unparseResolved());
    }
}

}  // namespace optimilter
