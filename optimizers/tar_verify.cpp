// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "optimizers/archive_listing.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/tar_reader.hpp"

namespace optimilter {

namespace {

bool equal(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

const MemberChange* change_of(const Attempt& attempt, std::size_t index) {
    const auto found = std::find_if(attempt.changes.begin(), attempt.changes.end(),
                                    [index](const MemberChange& change) { return change.index == index; });
    return found == attempt.changes.end() ? nullptr : &*found;
}

// A header block without what changes with a member's size.
Bytes lasting_part(ByteView file, const TarEntry& entry) {
    const ByteView header = file.subspan(entry.header, kTarBlock);
    Bytes copy(header.begin(), header.end());
    for (const ByteRange range : {kTarSizeField, kTarChecksumField}) {
        std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(range.begin), range.size(), std::uint8_t{0});
    }
    return copy;
}

std::string compare_changed(ByteView input, const TarEntry& a, ByteView output, const TarEntry& b,
                            const Digest& claimed) {
    if (!a.plain_file || !b.plain_file) return "content of what is no plain file was changed";
    const ByteRange extensions_a{a.record_begin, a.header};
    const ByteRange extensions_b{b.record_begin, b.header};
    if (!equal(slice(input, extensions_a), slice(output, extensions_b)) ||
        lasting_part(input, a) != lasting_part(output, b)) {
        return "header of a member differs";
    }
    const ByteView content = slice(output, b.data);
    if (sha256(content) != claimed) return "content is not what was verified";
    const TypeHint hint{{}, a.name};
    return sniff(content, hint) == sniff(slice(input, a.data), hint) ? "" : "format changed";
}

// By our own reader: every byte that is not in question.
std::string compare_bytes(ByteView input, const TarArchive& before, const Attempt& attempt,
                          const TarArchive& after) {
    if (before.entries.size() != after.entries.size()) return "number of entries differs";
    for (std::size_t i = 0; i < before.entries.size(); ++i) {
        const TarEntry& a = before.entries[i];
        const TarEntry& b = after.entries[i];
        if (const MemberChange* change = change_of(attempt, i)) {
            std::string why = compare_changed(input, a, attempt.output, b, change->content);
            if (!why.empty()) return why;
        } else if (!equal(slice(input, {a.record_begin, a.record_end}),
                          slice(attempt.output, {b.record_begin, b.record_end}))) {
            return "a member that was not to change differs";
        }
    }
    return {};
}

// By libarchive, which knows nothing of our reader or writer.
std::string compare_listings(const std::vector<ListedEntry>& before, const Attempt& attempt,
                             const std::vector<ListedEntry>& after) {
    if (before.size() != after.size()) return "second reader: number of entries differs";
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i].metadata != after[i].metadata) return "second reader: metadata of an entry differs";
        const MemberChange* change = change_of(attempt, i);
        const Digest& want = change != nullptr ? change->content : before[i].content;
        if (after[i].content != want) return "second reader: content differs";
    }
    return {};
}

}  // namespace

std::string verify_tar(ByteView input, const Attempt& attempt, Context& context) {
    const auto before = read_tar(input, context.options.max_entries);
    if (!before) return before.error().text;
    const auto after = read_tar(attempt.output, context.options.max_entries);
    if (!after) return fmt::format("result: {}", after.error().text);
    std::string why = compare_bytes(input, *before, attempt, *after);
    if (!why.empty()) return why;
    const auto listed_before = list_archive(input, Format::kTar, input.size(), context.budget);
    if (!listed_before) return listed_before.error().text;
    const auto listed_after = list_archive(attempt.output, Format::kTar, input.size(), context.budget);
    if (!listed_after) return listed_after.error().text;
    if (listed_before->size() != before->entries.size()) return "readers disagree on the number of entries";
    return compare_listings(*listed_before, attempt, *listed_after);
}

}  // namespace optimilter
