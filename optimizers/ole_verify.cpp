// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/ole_comparison.hpp"
#include "optimizers/ole_reader.hpp"

namespace optimilter {

namespace {

struct Kind {
    std::string_view path;
    std::string (*compare)(OleComparison& comparison);
};
constexpr Kind kKinds[] = {
    {"PowerPoint Document", compare_ppt},
    {"WordDocument", compare_doc},
    {"__properties_version1.0", compare_msg},
};

std::string compare_trees(const std::vector<OleSeen>& before, const std::vector<OleSeen>& after) {
    if (before.size() != after.size()) return "number of entries differs";
    for (std::size_t i = 0; i < before.size(); ++i) {
        const OleSeen& a = before[i];
        const OleSeen& b = after[i];
        if (a.name == b.name && a.parent == b.parent && a.id == b.id && a.kept == b.kept) continue;
        return fmt::format("directory entry differs ({})", printable(a.path, 60));
    }
    return {};
}

std::string compare_contents(const OleComparison& comparison) {
    for (std::size_t i = 0; i < comparison.before.size(); ++i) {
        const OleSeen& seen = comparison.before[i];
        if (comparison.explained[i] || seen.content == comparison.after[i].content) continue;
        return fmt::format("stream differs ({})", printable(seen.path, 60));
    }
    return comparison.next_change == comparison.changes.size() ? ""
                                                               : "a change is claimed where there is none";
}

// Header: signature, class, version, sector sizes, reserved bytes; transaction number and cutoff.
bool same_headers(ByteView a, ByteView b) {
    const auto same = [&](std::size_t begin, std::size_t end) {
        return std::equal(a.begin() + static_cast<std::ptrdiff_t>(begin),
                          a.begin() + static_cast<std::ptrdiff_t>(end),
                          b.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    return a.size() >= 512 && b.size() >= 512 && same(0, 40) && same(52, 60);
}

}  // namespace

std::string OleComparison::expect_change(std::size_t index, ByteView was, ByteView is) {
    if (!change_is_next(index)) return "a member differs without a change";
    if (sha256(is) != changes[next_change++].content) return "content is not what was verified";
    return sniff(was) == sniff(is) ? std::string() : "format changed";
}

bool OleComparison::change_is_next(std::size_t index) const {
    return next_change < changes.size() && changes[next_change].index == index;
}

std::size_t OleComparison::find(std::string_view path) const {
    const auto found = std::find_if(before.begin(), before.end(), [path](const OleSeen& seen) {
        return seen.type == 2 && iequals(seen.path, path);
    });
    return static_cast<std::size_t>(found - before.begin());
}

std::string verify_ole(ByteView input, const Attempt& attempt, Context& context) {
    if (!same_headers(input, attempt.output)) return "header differs";
    const auto strict = read_ole(attempt.output, context.options.max_entries);
    if (!strict) return fmt::format("result: {}", strict.error().text);
    const auto before = see_ole(input);
    if (!before) return before.error().text;
    const auto after = see_ole(attempt.output);
    if (!after) return fmt::format("result: {}", after.error().text);
    if (std::string why = compare_trees(*before, *after); !why.empty()) return why;
    if (context.budget.expired()) return "no time left to verify";
    OleComparison comparison{*before, *after, attempt.changes, 0, std::vector<bool>(before->size(), false)};
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& row) {
        return comparison.find(row.path) != before->size();
    });
    if (kind == std::end(kKinds)) return "not a kind of file that is rewritten";
    if (std::string why = kind->compare(comparison); !why.empty()) return why;
    return compare_contents(comparison);
}

}  // namespace optimilter
