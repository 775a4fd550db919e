// SPDX-License-Identifier: Apache-2.0
#include "policy/toml_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "base/unique_fd.hpp"

namespace optimilter {

namespace {

// A name such as a.a.a makes a table within a table for each dot, and toml++ takes them down by recursion,
// which 20000 dots bring to the end of the stack. Returns the first line with too many outside of text, or 0.
std::uint32_t line_of_deep_name(std::string_view toml) {
    constexpr int kMostDots = 64;
    std::uint32_t line = 1;
    int dots = 0;
    char quote = 0;
    for (std::size_t i = 0; i < toml.size(); ++i) {
        const char c = toml[i];
        if (c == '\n') {
            ++line;
            dots = 0;
            quote = 0;
        } else if (quote != 0) {
            if (c == quote) quote = 0;
            if (c == '\\' && quote == '"' && !toml.substr(i + 1).starts_with('\n')) ++i;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '#') {
            i = std::min(toml.find('\n', i), toml.size()) - 1;
        } else if (c == '.' && ++dots > kMostDots) {
            return line;
        }
    }
    return 0;
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path, std::size_t largest_bytes) {
    const auto failed = [] { return Error{ErrorCode::kIo, std::strerror(errno)}; };
    // Non-blocking, so that a FIFO cannot hold a reload up.
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return failed();
    std::string text;
    char chunk[16384];
    for (;;) {
        const ssize_t got = ::read(file.get(), chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed();
        if (got == 0) return text;
        text.append(chunk, static_cast<std::size_t>(got));
        if (text.size() > largest_bytes)
            return Error{ErrorCode::kLimit, fmt::format("larger than {} MiB", largest_bytes >> 20)};
    }
}

std::uint32_t Findings::line_of(std::string_view key) const {
    const auto found = lines_.find(key);
    return found == lines_.end() ? 0 : found->second;
}

void Findings::add(std::uint32_t line, std::string_view text) {
    const std::string place = line == 0 ? file_ : fmt::format("{}:{}", file_, line);
    found_.emplace_back(line, fmt::format("{}: {}", place, text));
}

std::vector<SettingsProblem> Findings::in_file_order() {
    std::stable_sort(found_.begin(), found_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<SettingsProblem> problems;
    for (auto& [line, text] : found_) problems.push_back({std::move(text)});
    return problems;
}

std::optional<toml::table> parse_toml(std::string_view text, std::string_view name, Findings& findings) {
    if (const std::uint32_t line = line_of_deep_name(text); line != 0) {
        findings.add(line, "a name with too many dots");
        return std::nullopt;
    }
    try {
        return toml::parse(text, name);
    } catch (const toml::parse_error& error) {
        findings.add(static_cast<std::uint32_t>(error.source().begin.line), printable(error.description()));
    } catch (const std::exception& error) {
        findings.add(0, printable(error.what()));
    }
    return std::nullopt;
}

}  // namespace optimilter
