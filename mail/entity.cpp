// SPDX-License-Identifier: Apache-2.0
#include "mail/entity.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "mail/boundary_set.hpp"
#include "mail/file_name.hpp"
#include "mail/mime_params.hpp"

namespace optimilter {
namespace {

Error malformed(std::string text) {
    return {ErrorCode::kMalformed, std::move(text)};
}

constexpr std::array<std::pair<std::string_view, TransferEncoding>, 5> kEncodings = {{
    {"7bit", TransferEncoding::kSevenBit},
    {"8bit", TransferEncoding::kEightBit},
    {"binary", TransferEncoding::kBinary},
    {"quoted-printable", TransferEncoding::kQuotedPrintable},
    {"base64", TransferEncoding::kBase64},
}};

bool same_word(std::string_view text, std::string_view lower_case) {
    return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                      [](char a, char b) { return ascii_lower(a) == b; });
}

// RFC 2045 sec. 6.1. What is no single token is unknown: such a part is never rewritten. Neither is one with
// a comment, which the RFC allows but some readers (Python's email package) take for part of the word.
Result<TransferEncoding> read_encoding(const HeaderFields& fields) {
    const HeaderField* field = find_field(fields, "Content-Transfer-Encoding");
    if (field == nullptr) return TransferEncoding::kSevenBit;
    const auto value = read_mime_value(field->value);
    if (!value) return value.error();
    if (value->stray_after_head || !value->parameters.empty()) return TransferEncoding::kUnknown;
    for (const auto& [name, encoding] : kEncodings)
        if (value->head == name)
            return same_word(trim(field->value), name) ? encoding : TransferEncoding::kUnknown;
    return TransferEncoding::kUnknown;
}

bool is_media_type(std::string_view text) {
    const std::size_t slash = text.find('/');
    return slash != text.npos && is_mime_token(text.substr(0, slash)) &&
           is_mime_token(text.substr(slash + 1));
}

// Every way to write one parameter may occur once: plain, whole extended, and each section.
Status check_duplicates(const MimeValue& value, std::string_view name) {
    for (const MimeParameter& parameter : value.parameters) {
        if (!parameter.name.starts_with(name)) continue;
        const std::string_view rest = std::string_view(parameter.name).substr(name.size());
        if (!rest.empty() && rest.front() != '*') continue;
        if (count_parameters(value, parameter.name) > 1)
            return malformed("parameter " + std::string(name) + " stands twice in a field");
    }
    return Success{};
}

bool has_extended(const MimeValue& value, const std::string& name) {
    return std::any_of(value.parameters.begin(), value.parameters.end(), [&](const MimeParameter& parameter) {
        return parameter.name.starts_with(name + "*");
    });
}

// The boundary of a multipart. Without quotes, real mailers write '=' and ':' too, and all readers we know
// take such a value up to the next blank or ';'.
Result<std::string> read_boundary(const MimeValue& value) {
    if (value.sloppy) return malformed("a multipart's Content-Type that readers take differently");
    if (has_extended(value, "boundary")) return malformed("a boundary in RFC 2231 form");
    const MimeParameter* boundary = find_parameter(value, "boundary");
    if (boundary == nullptr) return malformed("a multipart without a boundary");
    if (!boundary->plain) return malformed("a boundary with escapes or folds");
    if (Status checked = check_boundary(boundary->value); !checked) return checked.error();
    return boundary->value;
}

Result<MimeValue> read_type(const HeaderFields& fields, std::string_view default_type) {
    const HeaderField* field = find_field(fields, "Content-Type");
    if (field == nullptr) {
        MimeValue value;
        value.head = std::string(default_type);
        return value;
    }
    auto value = read_mime_value(field->value);
    if (!value) return value;
    if (value->stray_after_head || !is_media_type(value->head))
        return malformed("a Content-Type that cannot be read");
    for (const std::string_view name : {"boundary", "name"})
        if (Status checked = check_duplicates(*value, name); !checked) return checked.error();
    return value;
}

bool all_digits(std::string_view text) {
    return !text.empty() && text.size() <= 18 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Status read_disposition(const HeaderFields& fields, Entity& entity) {
    const HeaderField* field = find_field(fields, "Content-Disposition");
    if (field == nullptr) return Success{};
    const auto value = read_mime_value(field->value);
    if (!value) return value.error();
    for (const std::string_view name : {"filename", "size"})
        if (Status checked = check_duplicates(*value, name); !checked) return checked;
    if (std::string text = parameter_text(*value, "filename"); !text.empty())
        entity.file_name = std::move(text);
    const MimeParameter* size = find_parameter(*value, "size");
    if (size != nullptr && size->plain && all_digits(size->value))
        entity.size_digits = field->value.substr(size->raw.begin, size->raw.size());
    return Success{};
}

// RFC 2045 sec. 6.4: composite types carry no encoding of their own. message/global is free (RFC 6532).
Status check_composite_encoding(const Entity& entity) {
    const bool composite = entity.type.starts_with("multipart/") || entity.type.starts_with("message/");
    if (!composite || entity.type.starts_with("message/global")) return Success{};
    switch (entity.encoding) {
        case TransferEncoding::kSevenBit:
        case TransferEncoding::kEightBit:
        case TransferEncoding::kBinary:
            return Success{};
        default:
            return malformed("an encoded " + entity.type.substr(0, entity.type.find('/')) + " entity");
    }
}

}  // namespace

Status check_duplicate_fields(const HeaderFields& fields) {
    for (const std::string_view name :
         {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "MIME-Version"})
        if (count_fields(fields, name) > 1) return malformed("field " + std::string(name) + " stands twice");
    return Success{};
}

Result<Entity> read_entity(const HeaderFields& fields, std::string_view default_type) {
    if (Status checked = check_duplicate_fields(fields); !checked) return checked.error();
    const auto type = read_type(fields, default_type);
    if (!type) return type.error();
    const auto encoding = read_encoding(fields);
    if (!encoding) return encoding.error();
    Entity entity;
    entity.type = type->head;
    entity.encoding = *encoding;
    entity.file_name = parameter_text(*type, "name");
    if (Status read = read_disposition(fields, entity); !read) return read.error();
    if (Status checked = check_composite_encoding(entity); !checked) return checked.error();
    if (!entity.type.starts_with("multipart/")) return entity;
    auto boundary = read_boundary(*type);
    if (!boundary) return boundary.error();
    entity.boundary = std::move(*boundary);
    return entity;
}

Status check_mime_version(const HeaderFields& fields) {
    if (count_fields(fields, "MIME-Version") > 1) return malformed("field MIME-Version stands twice");
    const HeaderField* field = find_field(fields, "MIME-Version");
    if (field == nullptr) return Error{ErrorCode::kUnsupported, "no MIME-Version: no MIME"};
    const auto value = read_mime_value(field->value);
    if (!value) return value.error();
    if (value->head != "1.0" || value->stray_after_head)
        return Error{ErrorCode::kUnsupported, "a MIME-Version other than 1.0"};
    return Success{};
}

}  // namespace optimilter
