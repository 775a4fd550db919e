// SPDX-License-Identifier: Apache-2.0
#include "mail/retyped_part.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/text.hpp"
#include "mail/mime_params.hpp"

namespace optimilter {
namespace {

// Of the formats that may become PNG. Others say that the name is not what we take it for ("report.2024").
constexpr std::string_view kExtensions[] = {"bmp", "dib", "rle", "tga", "icb",  "vda", "vst",
                                            "pcx", "psd", "sgi", "rgb", "rgba", "bw",  "pnm",
                                            "ppm", "pgm", "pbm", "pam", "ras",  "sun", "im8"};
constexpr std::string_view kPng = "png";

Error refused(const char* text) {
    return {ErrorCode::kUnsupported, text};
}

// Where the extension stands in a name, without the dot; empty when it is none of ours.
ByteRange extension_of(std::string_view name) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return {};
    const std::string_view word = name.substr(dot + 1);
    const bool known = std::any_of(std::begin(kExtensions), std::end(kExtensions),
                                   [word](std::string_view ours) { return iequals(word, ours); });
    return known ? ByteRange{dot + 1, name.size()} : ByteRange{};
}

// "=?charset?Q?text?=" to its end: how many bytes stand behind the text. Nothing: not a word of kind Q.
std::optional<std::size_t> encoded_tail(std::string_view raw) {
    constexpr std::string_view kEnd = "?=";
    const std::size_t begin = raw.rfind("=?");
    if (begin == std::string_view::npos || !raw.ends_with(kEnd)) return std::nullopt;
    const std::size_t kind = raw.find('?', begin + 2);
    const bool q = kind != std::string_view::npos && kind + 2 < raw.size() &&
                   ascii_lower(raw[kind + 1]) == 'q' && raw[kind + 2] == '?';
    return q ? std::optional(kEnd.size()) : std::nullopt;
}

// "charset'language'text" (RFC 2231 sec. 4), in a charset whose letters are those of ASCII.
bool is_ascii_based(std::string_view raw) {
    const std::string_view charset = raw.substr(0, raw.find('\''));
    return iequals(charset, "utf-8") || iequals(charset, "us-ascii") || istarts_with(charset, "iso-8859-") ||
           istarts_with(charset, "windows-125");
}

Result<TextEdit> edit_of(const MimeParameter& parameter, std::string_view raw, bool extended,
                         std::size_t at) {
    if (!parameter.plain) return refused("file name with escapes or folds");
    std::size_t tail = 0;
    if (extended && !is_ascii_based(raw)) return refused("file name in an unusual charset");
    if (!extended && raw.find("=?") != std::string_view::npos) {
        const auto behind = encoded_tail(raw);
        if (!behind) return refused("file name encoded as a whole");
        tail = *behind;
    }
    const ByteRange extension = extension_of(raw.substr(0, raw.size() - tail));
    if (extension.empty()) return refused("file name without a known extension");
    const std::size_t begin = at + parameter.raw.begin;
    return TextEdit{{begin + extension.begin, begin + extension.end}, std::string(kPng)};
}

// Collects the edits of one field's name parameter, in all its forms.
Status edit_names(const HeaderField& field, std::string_view name, std::size_t at,
                  std::vector<TextEdit>& edits) {
    const auto value = read_mime_value(field.value);
    if (!value) return value.error();
    if (value->sloppy) return refused("header that readers take differently");
    for (const MimeParameter& parameter : value->parameters) {
        if (!parameter.name.starts_with(name)) continue;
        const std::string_view form = std::string_view(parameter.name).substr(name.size());
        if (!form.empty() && form.front() != '*') continue;
        if (form.size() > 1) return refused("file name in several pieces");
        const std::string_view raw = field.value.substr(parameter.raw.begin, parameter.raw.size());
        auto edit = edit_of(parameter, raw, !form.empty(), at);
        if (!edit) return edit.error();
        edits.push_back(std::move(*edit));
    }
    return Success{};
}

// The type stands first in its field, without a comment before it.
Result<TextEdit> edit_type(const HeaderField& field, const Part& part, std::size_t at) {
    const std::size_t begin = field.value.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return refused("part without a type");
    const std::string_view rest = field.value.substr(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r\n;"));
    if (!iequals(word, part.type)) return refused("type that cannot be edited");
    return TextEdit{{at + begin, at + begin + word.size()}, std::string(kPngType)};
}

// Where a field's value stands in the body.
std::optional<std::size_t> place_of(ByteView body, const HeaderField& field) {
    const std::string_view text = as_text(body);
    if (field.value.data() < text.data() ||
        field.value.data() + field.value.size() > text.data() + text.size()) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(field.value.data() - text.data());
}

}  // namespace

Result<std::vector<TextEdit>> edits_to_png(ByteView body, const Part& part) {
    const HeaderField* type = find_field(part.fields, "Content-Type");
    if (part.index == 0 || part.header.empty()) return refused("the message's own header has the type");
    if (type == nullptr) return refused("part without a type");
    const auto type_at = place_of(body, *type);
    if (!type_at) return refused("header outside of the body");
    auto edit = edit_type(*type, part, *type_at);
    if (!edit) return edit.error();
    std::vector<TextEdit> edits = {std::move(*edit)};
    if (Status named = edit_names(*type, "name", *type_at, edits); !named) return named.error();
    if (const HeaderField* disposition = find_field(part.fields, "Content-Disposition")) {
        const auto at = place_of(body, *disposition);
        if (!at) return refused("header outside of the body");
        if (Status named = edit_names(*disposition, "filename", *at, edits); !named) return named.error();
    }
    std::sort(edits.begin(), edits.end(),
              [](const TextEdit& a, const TextEdit& b) { return a.range.begin < b.range.begin; });
    return edits;
}

std::string png_name(std::string_view file_name) {
    const ByteRange extension = extension_of(file_name);
    if (extension.empty()) return {};
    return std::string(file_name.substr(0, extension.begin)) + std::string(kPng);
}

}  // namespace optimilter
