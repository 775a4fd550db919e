// SPDX-License-Identifier: Apache-2.0
#include "mail/header_block.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace optimilter {
namespace {

Error malformed(const char* text) {
    return Error{ErrorCode::kMalformed, text};
}

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool all_blank(std::string_view text) {
    return std::all_of(text.begin(), text.end(), is_blank);
}

// Field names are printable ASCII without the colon (RFC 5322 sec. 3.6.8). A blank before the colon is old
// syntax that some readers take and some do not.
bool is_field_name(std::string_view name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127 && c != ':'; });
}

// What must not stand in any header line, whoever splits it.
const char* forbidden_in_line(std::string_view content) {
    if (content.find('\0') != content.npos) return "NUL in a header";
    if (content.find('\r') != content.npos) return "bare CR in a header";
    return nullptr;
}

// Adds one line to the fields read so far: a new field, or the continuation of the last one.
Status take_line(HeaderFields& fields, std::string_view content) {
    if (const char* why = forbidden_in_line(content)) return malformed(why);
    if (is_blank(content.front())) {
        if (fields.empty()) return malformed("a header starts with a continuation line");
        if (all_blank(content)) return malformed("a header line of blanks alone");
        const char* begin = fields.back().value.data();
        fields.back().value = {begin, static_cast<std::size_t>(content.data() + content.size() - begin)};
        return Success{};
    }
    const std::size_t colon = content.find(':');
    if (colon == content.npos || !is_field_name(content.substr(0, colon)))
        return malformed("a header line that is no field");
    fields.push_back({content.substr(0, colon), content.substr(colon + 1)});
    return Success{};
}

Status check_value(std::string_view value) {
    for (std::size_t begin = 0; begin < value.size();) {
        const TextLine line = line_at(value, begin);
        if (const char* why = forbidden_in_line(line.content)) return malformed(why);
        if (begin > 0 && (line.content.empty() || !is_blank(line.content.front())))
            return malformed("a line end in a header value that is no fold");
        if (begin > 0 && all_blank(line.content)) return malformed("a header line of blanks alone");
        if (line.complete && line.next == value.size()) return malformed("a header value ends in a line end");
        begin = line.next;
    }
    return Success{};
}

}  // namespace

const HeaderField* find_field(const HeaderFields& fields, std::string_view name) {
    for (const HeaderField& field : fields)
        if (iequals(field.name, name)) return &field;
    return nullptr;
}

std::size_t count_fields(const HeaderFields& fields, std::string_view name) {
    return static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [&](const HeaderField& field) { return iequals(field.name, name); }));
}

TextLine line_at(std::string_view text, std::size_t begin) {
    const char* start = text.data() + begin;
    const std::size_t left = text.size() - begin;
    const auto* end = left == 0 ? nullptr : static_cast<const char*>(std::memchr(start, '\n', left));
    if (end == nullptr) return {text.substr(begin), text.size(), false, false};
    auto length = static_cast<std::size_t>(end - start);
    const std::size_t next = begin + length + 1;
    const bool crlf = length > 0 && start[length - 1] == '\r';
    if (crlf) --length;
    return {{start, length}, next, true, crlf};
}

Result<HeaderBlock> read_header_block(std::string_view text, std::size_t begin, std::size_t limit_bytes,
                                      const std::function<bool(std::string_view)>& is_delimiter) {
    HeaderBlock block;
    std::size_t at = begin;
    while (at < text.size()) {
        const TextLine line = line_at(text, at);
        if (line.complete) block.crlf = line.crlf;
        if (line.content.empty() && line.complete) {
            block.body_begin = line.next;
            break;
        }
        if (line.next - begin > limit_bytes) return Error{ErrorCode::kLimit, "headers are too long"};
        if (is_delimiter && is_delimiter(line.content))
            return malformed("a part's header runs into a boundary");
        if (Status taken = take_line(block.fields, line.content); !taken) return taken.error();
        at = line.next;
    }
    block.range = {begin, at};
    return block;
}

Status check_fields(const HeaderFields& fields) {
    for (const HeaderField& field : fields) {
        if (!is_field_name(field.name)) return malformed("a header field with an odd name");
        if (Status checked = check_value(field.value); !checked) return checked;
    }
    return Success{};
}

}  // namespace optimilter
