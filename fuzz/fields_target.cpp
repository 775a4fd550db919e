// SPDX-License-Identifier: Apache-2.0
//
// A header block and the values of its fields. Promises: fields are views into the block, parameters lie
// where they say, a plain one is its own bytes, names are lower case, and decoded texts are not longer than
// they can be.
#include <algorithm>

#include "base/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "mail/charset.hpp"
#include "mail/entity.hpp"
#include "mail/file_name.hpp"
#include "mail/header_block.hpp"
#include "mail/mime_params.hpp"

namespace optimilter::fuzz {

namespace {

constexpr std::size_t kLargestBlock = 64 * 1024;
// One byte of a charset of single bytes gives at most three of UTF-8.
constexpr std::size_t kUtf8Growth = 3;

void check_parameter(std::string_view raw, const MimeValue& value, const MimeParameter& parameter) {
    promise(parameter.raw.begin <= parameter.raw.end && parameter.raw.end <= raw.size(),
            "a parameter lies in its field");
    const std::string_view own = raw.substr(parameter.raw.begin, parameter.raw.size());
    promise(!parameter.plain || own == parameter.value, "a plain parameter is its own bytes");
    promise(parameter.name == to_lower(parameter.name), "names are lower case");
    promise(parameter.value.size() <= own.size(), "a value is not longer than what it was read from");
    promise(count_parameters(value, parameter.name) > 0, "a parameter can be found");
    promise(parameter_text(value, parameter.name).size() <= raw.size() * kUtf8Growth, "a text is bounded");
}

void check_value(std::string_view raw) {
    promise(decode_encoded_words(raw).size() <= raw.size() * kUtf8Growth, "encoded words are bounded");
    const auto value = read_mime_value(raw);
    if (!value) return;
    promise(raw.size() <= kMaxMimeValueBytes && value->parameters.size() <= kMaxMimeParameters,
            "a value is bounded");
    promise(value->head == to_lower(value->head), "a head is lower case");
    for (const MimeParameter& parameter : value->parameters) check_parameter(raw, *value, parameter);
    parameter_text(*value, "filename");
    parameter_text(*value, "name");
}

void check_charset(std::string_view text, std::uint64_t hash) {
    constexpr std::string_view kCharsets[] = {"utf-8",    "ISO-8859-1", "iso-8859-15", "windows-1252",
                                              "us-ascii", "koi8-r",     "big5",        "shift_jis",
                                              "euc-kr",   "gb18030",    "utf-16"};
    const auto made = to_utf8(text, kCharsets[hash % std::size(kCharsets)]);
    promise(!made || is_utf8(*made), "what became UTF-8 is UTF-8");
}

void check_block(std::string_view text) {
    const auto block =
        read_header_block(text, 0, kLargestBlock, [](std::string_view line) { return line == "--b"; });
    if (!block) return;
    promise(block->range.begin <= block->range.end && block->range.end <= text.size(),
            "the header lies in the text");
    promise(
        !block->body_begin || (*block->body_begin >= block->range.end && *block->body_begin <= text.size()),
        "the body comes after the header");
    for (const HeaderField& field : block->fields) {
        promise(!field.name.empty(), "a field has a name");
        check_value(field.value);
    }
    promise(check_fields(block->fields).has_value(), "fields that were read are fields");
    const auto entity = read_entity(block->fields, "text/plain");
    if (entity && !entity->size_digits.empty())
        promise(std::all_of(entity->size_digits.begin(), entity->size_digits.end(),
                            [](char c) { return c >= '0' && c <= '9'; }),
                "size= is a number");
    (void)check_mime_version(block->fields);
    (void)check_duplicate_fields(block->fields);
}

void run(ByteView input) {
    check_block(as_text(input));
    check_value(as_text(input));
    check_charset(as_text(input), hash_of(input));
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
