// SPDX-License-Identifier: Apache-2.0
#include "console/sendmail_cf.hpp"

#include <charconv>

#include "base/text.hpp"

namespace optimilter {

namespace {

// Lines with their continuations joined; comments and empty lines left out.
std::vector<std::string> logical_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        if (line.front() != ' ' && line.front() != '\t') {
            lines.emplace_back(line);
        } else if (!lines.empty()) {
            lines.back() += ' ';
            lines.back() += trim(line);
        }
    }
    return lines;
}

// The trimmed pieces between any of the separators, empty ones left out.
std::vector<std::string_view> pieces(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> found;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(separators), text.size());
        const std::string_view piece = trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!piece.empty()) found.push_back(piece);
    }
    return found;
}

// "name = value"; without '=' the value is empty.
struct Pair {
    std::string_view name, value;
};
Pair split_pair(std::string_view text, char separator) {
    const std::size_t at = text.find(separator);
    if (at == std::string_view::npos) return {trim(text), {}};
    return {trim(text.substr(0, at)), trim(text.substr(at + 1))};
}

// Sendmail goes by the first letter of a field's name.
SendmailFilter parse_filter(std::string_view text) {
    SendmailFilter filter;
    for (const std::string_view piece : pieces(text, ",")) {
        const Pair field = split_pair(piece, '=');
        if (filter.name.empty()) {
            filter.name = std::string(piece);
        } else if (field.name.starts_with('S')) {
            filter.socket = std::string(field.value);
        } else if (field.name.starts_with('F')) {
            filter.on_error = std::string(field.value);
        } else if (field.name.starts_with('T')) {
            for (const std::string_view part : pieces(field.value, ";")) {
                const Pair timeout = split_pair(part, ':');
                if (timeout.name.size() == 1)
                    filter.timeouts[timeout.name.front()] = std::string(timeout.value);
            }
        }
    }
    return filter;
}

std::vector<std::string> names(std::string_view list, std::string_view separators) {
    std::vector<std::string> found;
    for (const std::string_view piece : pieces(list, separators)) found.emplace_back(piece);
    return found;
}

SendmailDaemon parse_daemon(std::string_view options) {
    SendmailDaemon daemon;
    for (const std::string_view piece : pieces(options, ",")) {
        const Pair option = split_pair(piece, '=');
        if (istarts_with(option.name, "n")) daemon.name = std::string(option.value);
        if (istarts_with(option.name, "i")) daemon.filters = names(option.value, ";");
    }
    return daemon;
}

void take_option(std::string_view text, SendmailCf& cf) {
    const Pair option = split_pair(text, '=');
    if (iequals(option.name, "InputMailFilters")) {
        cf.input_filters = names(option.value, ",");  // the last line counts
    } else if (iequals(option.name, "DaemonPortOptions")) {
        cf.daemons.push_back(parse_daemon(option.value));
    } else if (iequals(option.name, "MaxMessageSize")) {
        cf.message_limit = std::string(option.value);
    } else if (iequals(option.name, "QueueDirectory")) {
        cf.queue = std::string(option.value);
    }
}

}  // namespace

SendmailCf parse_sendmail_cf(std::string_view text) {
    SendmailCf cf;
    for (const std::string& line : logical_lines(text)) {
        const std::string_view rest = std::string_view(line).substr(1);
        if (line[0] == 'X') cf.filters.push_back(parse_filter(rest));
        if (line[0] == 'O' && rest.starts_with(' ')) take_option(rest, cf);
    }
    return cf;
}

std::optional<std::int64_t> parse_sendmail_time(std::string_view text) {
    constexpr std::int64_t kMostSeconds = 1000000000;
    constexpr std::string_view kUnits = "smhdw";
    constexpr std::int64_t kSeconds[] = {1, 60, 3600, 86400, 604800};
    std::int64_t total = 0;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        std::int64_t number = 0;
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (status != std::errc() || number < 0 || number > kMostSeconds) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        const std::size_t unit = text.empty() ? 0 : kUnits.find(ascii_lower(text.front()));
        if (unit == std::string_view::npos) return std::nullopt;
        if (!text.empty()) text.remove_prefix(1);
        total += number * kSeconds[unit];
        if (total > kMostSeconds) return std::nullopt;
    }
    return total * 1000;
}

}  // namespace optimilter
