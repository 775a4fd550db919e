// SPDX-License-Identifier: Apache-2.0
#include "policy/regex.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

#include <string>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestPattern = 2000;
constexpr std::int64_t kMostMemory = 1 << 20;

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern, bool ignore_case) {
    if (pattern.size() > kLongestPattern)
        return Error{ErrorCode::kLimit, fmt::format("longer than {} bytes", kLongestPattern)};
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_case_sensitive(!ignore_case);
    options.set_max_mem(kMostMemory);
    options.set_never_capture(true);
    auto program =
        std::make_shared<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!program->ok()) {
        const bool large = program->error_code() == re2::RE2::ErrorPatternTooLarge;
        return Error{large ? ErrorCode::kLimit : ErrorCode::kMalformed, printable(program->error(), 120)};
    }
    return Regex(std::move(program));
}

Result<Regex> Regex::glob(std::string_view pattern) {
    std::string expression = "(?s)^";
    for (const char c : pattern) {
        if (c == '*' || c == '?')
            expression += c == '*' ? "\\C*" : ".";
        else
            expression += re2::RE2::QuoteMeta(re2::StringPiece(&c, 1));
    }
    return compile(expression + "$", true);
}

bool Regex::found_in(std::string_view text) const {
    text = text.substr(0, kMostInput);
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *program_);
}

}  // namespace optimilter
