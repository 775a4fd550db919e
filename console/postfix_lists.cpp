// SPDX-License-Identifier: Apache-2.0
#include "console/postfix_lists.hpp"

#include <charconv>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kListBreaks = " \t\r\n,";

// Takes the next word off text, split at any of breaks outside of braces; empty at the end. An open brace
// that is never closed takes the rest.
std::string_view take_word(std::string_view& text, std::string_view breaks) {
    const std::size_t start = text.find_first_not_of(breaks);
    if (start == std::string_view::npos) {
        text = {};
        return {};
    }
    int depth = 0;
    std::size_t end = start;
    for (; end < text.size(); ++end) {
        if (text[end] == '{') ++depth;
        if (text[end] == '}') --depth;
        if (depth <= 0 && breaks.find(text[end]) != std::string_view::npos) break;
    }
    const std::string_view word = text.substr(start, end - start);
    text.remove_prefix(end);
    return word;
}

bool braces_match(std::string_view text) {
    int depth = 0;
    for (const char c : text) {
        if (c == '{') ++depth;
        if (c == '}' && --depth < 0) return false;
    }
    return depth == 0;
}

// "{ x }" -> "x"; anything else as it is, trimmed.
std::string_view unbraced(std::string_view text) {
    text = trim(text);
    if (text.size() >= 2 && text.front() == '{' && text.back() == '}') text = text.substr(1, text.size() - 2);
    return trim(text);
}

// "name = value" into settings; text without '=' is left out.
void add_setting(std::string_view text, PostfixSettings& settings) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return;
    settings[std::string(trim(text.substr(0, equals)))] = std::string(trim(text.substr(equals + 1)));
}

// Lines with their continuations joined.
std::vector<std::string> logical_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (trim(line).empty()) continue;
        if (!lines.empty() && kBlanks.find(line[0]) != std::string_view::npos) {
            lines.back() += ' ';
            lines.back() += trim(line);
        } else {
            lines.emplace_back(line);
        }
    }
    return lines;
}

PostfixMilter parse_milter(std::string_view entry) {
    PostfixMilter milter;
    if (entry.front() != '{') {
        milter.address = std::string(entry);
        return milter;
    }
    std::string_view inside = unbraced(entry);
    milter.address = std::string(take_word(inside, kListBreaks));
    for (;;) {
        const std::string_view word = take_word(inside, kListBreaks);
        if (word.empty()) return milter;
        add_setting(unbraced(word), milter.settings);
    }
}

}  // namespace

PostfixSettings parse_postfix_settings(std::string_view postconf_output) {
    PostfixSettings settings;
    for (const std::string& line : logical_lines(postconf_output)) add_setting(line, settings);
    return settings;
}

std::vector<PostfixService> parse_postfix_services(std::string_view postconf_output) {
    std::vector<PostfixService> services;
    for (const std::string& line : logical_lines(postconf_output)) {
        std::string_view rest = line;
        if (rest[0] == '#') continue;
        // service type private unpriv chroot wakeup maxproc command + args
        std::string_view fields[8];
        for (std::string_view& field : fields) field = take_word(rest, kBlanks);
        if (fields[7].empty()) continue;
        PostfixService service{std::string(fields[0]),
                               std::string(fields[1]),
                               std::string(fields[4]),
                               std::string(fields[7]),
                               {}};
        for (std::string_view word = take_word(rest, kBlanks); !word.empty();
             word = take_word(rest, kBlanks)) {
            if (word == "-o") add_setting(unbraced(take_word(rest, kBlanks)), service.overrides);
        }
        services.push_back(std::move(service));
    }
    return services;
}

std::optional<std::vector<PostfixMilter>> parse_postfix_milters(std::string_view value) {
    if (!braces_match(value)) return std::nullopt;
    std::vector<PostfixMilter> milters;
    for (;;) {
        const std::string_view entry = take_word(value, kListBreaks);
        if (entry.empty()) return milters;
        milters.push_back(parse_milter(entry));
    }
}

std::optional<std::int64_t> parse_postfix_time(std::string_view text) {
    constexpr std::int64_t kMost = 1000000000;
    std::int64_t number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status != std::errc() || number < 0 || number > kMost) return std::nullopt;
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    struct TimeUnit {
        std::string_view name;
        std::int64_t seconds;
    };
    constexpr TimeUnit kUnits[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    for (const TimeUnit& row : kUnits) {
        if (unit == row.name) return number * row.seconds * 1000;
    }
    return std::nullopt;
}

}  // namespace optimilter
