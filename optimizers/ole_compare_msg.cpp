// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/text.hpp"
#include "optimizers/ole_comparison.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kContent = "__substg1.0_37010102";
constexpr std::string_view kProperties = "__properties_version1.0";
constexpr std::string_view kAttachment = "__attach_version1.0_#";

std::string_view last_of(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

// The property stream beside a changed file: the same 16-byte records, of which two tell its size.
std::string compare_properties(ByteView was, ByteView is, std::size_t old_size, std::size_t new_size) {
    if (was.size() != is.size()) return "properties of an attachment differ";
    bool length_told = false;
    Bytes expected(was.begin(), was.end());
    for (std::size_t at = 8; at + 16 <= was.size(); at += 16) {
        std::uint8_t* const value = &expected[at + 8];
        const std::uint32_t number = read_le32(value);
        const std::uint32_t tag = read_le32(&was[at]);
        if (tag == 0x37010102 && number == old_size) {
            write_le32(value, static_cast<std::uint32_t>(new_size));
            length_told = true;
        }
        if (tag == 0x0E200003 && number >= old_size) {
            write_le32(value, static_cast<std::uint32_t>(number - old_size + new_size));
        }
    }
    const bool same = std::equal(is.begin(), is.end(), expected.begin());
    return same && length_told ? "" : "properties of an attachment differ";
}

std::size_t sibling(const OleComparison& comparison, std::size_t of, std::string_view name) {
    for (std::size_t i = 0; i < comparison.before.size(); ++i) {
        const OleSeen& seen = comparison.before[i];
        if (seen.parent == comparison.before[of].parent && seen.type == 2 &&
            iequals(last_of(seen.path), name)) {
            return i;
        }
    }
    return comparison.before.size();
}

std::string compare_attachment(OleComparison& comparison, std::size_t place) {
    const OleSeen& was = comparison.before[place];
    const OleSeen& is = comparison.after[place];
    const bool attached = iequals(last_of(was.path), kContent) &&
                          istarts_with(last_of(comparison.before[was.parent].path), kAttachment);
    if (!attached) return "a stream differs that is no attachment";
    std::string why = comparison.expect_change(was.id, was.content, is.content);
    if (!why.empty()) return why;
    const std::size_t properties = sibling(comparison, place, kProperties);
    if (properties == comparison.before.size()) return "attachment without properties";
    why = compare_properties(comparison.before[properties].content, comparison.after[properties].content,
                             was.content.size(), is.content.size());
    comparison.explained[place] = comparison.explained[properties] = true;
    return why;
}

}  // namespace

std::string compare_msg(OleComparison& comparison) {
    std::vector<std::size_t> by_id(comparison.before.size());
    for (std::size_t i = 0; i < by_id.size(); ++i) by_id[i] = i;
    std::sort(by_id.begin(), by_id.end(), [&](std::size_t a, std::size_t b) {
        return comparison.before[a].id < comparison.before[b].id;
    });
    for (const std::size_t place : by_id) {
        const OleSeen& seen = comparison.before[place];
        if (iequals(last_of(seen.path), kProperties) || seen.content == comparison.after[place].content)
            continue;
        if (std::string why = compare_attachment(comparison, place); !why.empty()) return why;
    }
    return {};
}

}  // namespace optimilter
