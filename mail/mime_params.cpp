// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_params.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) {
    return kBlanks.find(c) != kBlanks.npos;
}

// Walks over one raw value. Every step that can meet an end too early returns false then.
class ValueReader {
  public:
    explicit ValueReader(std::string_view raw) : raw_(raw) {}

    Result<MimeValue> read() {
        if (!skip_comments()) return unterminated();
        value_.head = to_lower(take_until(" \t\r\n;(\""));
        if (!skip_comments()) return unterminated();
        if (!at_end() && !at(';')) {
            value_.stray_after_head = true;
            if (!skip_to_semicolon()) return unterminated();
        }
        while (!at_end()) {
            ++at_;  // the ';'
            if (!read_parameter()) return unterminated();
            if (value_.parameters.size() > kMaxMimeParameters)
                return Error{ErrorCode::kMalformed, "too many parameters in a field"};
        }
        return std::move(value_);
    }

  private:
    static Error unterminated() {
        return {ErrorCode::kMalformed, "a quote or comment in a field does not end"};
    }

    bool at_end() const { return at_ >= raw_.size(); }
    bool at(char c) const { return !at_end() && raw_[at_] == c; }

    std::string_view take_until(std::string_view stops) {
        const std::size_t begin = at_;
        at_ = std::min(raw_.find_first_of(stops, at_), raw_.size());
        return raw_.substr(begin, at_ - begin);
    }

    // Blanks, folds and comments (nested by count, not by recursion).
    bool skip_comments() {
        std::size_t depth = 0;
        for (; !at_end(); ++at_) {
            const char c = raw_[at_];
            if (c == '(') {
                ++depth;
            } else if (depth == 0) {
                if (!is_blank(c)) return true;
            } else if (c == ')') {
                --depth;
            } else if (c == '\\') {
                ++at_;
            } else if (c == ';' || c == '=' || c == '"') {
                value_.sloppy = true;
            }
        }
        return depth == 0;
    }

    bool skip_quoted() {
        for (++at_; !at_end() && !at('"'); ++at_)
            if (at('\\')) ++at_;
        if (at_end()) return false;
        ++at_;
        return true;
    }

    bool skip_to_semicolon() {
        while (!at_end() && !at(';')) {
            if (!at('"'))
                ++at_;
            else if (!skip_quoted())
                return false;
        }
        return true;
    }

    bool read_parameter() {
        if (!skip_comments()) return false;
        if (at_end() || at(';')) return true;  // "a; ; b" and a final ';' are common and harmless
        MimeParameter parameter;
        parameter.name = to_lower(take_until(" \t\r\n;=(\""));
        if (!skip_comments()) return false;
        if (!at('=')) {
            value_.sloppy = true;
            return skip_to_semicolon();
        }
        ++at_;
        if (!skip_comments()) return false;
        if (!(at('"') ? read_quoted(parameter) : read_unquoted(parameter))) return false;
        if (!is_mime_token(parameter.name)) value_.sloppy = true;
        value_.parameters.push_back(std::move(parameter));
        return true;
    }

    bool read_quoted(MimeParameter& parameter) {
        parameter.raw.begin = at_ + 1;
        if (!skip_quoted()) return false;
        parameter.raw.end = at_ - 1;
        for (std::size_t i = parameter.raw.begin; i < parameter.raw.end; ++i) {
            if (raw_[i] == '\\' && i + 1 < parameter.raw.end) ++i;
            if (raw_[i] != '\r' && raw_[i] != '\n') parameter.value += raw_[i];
        }
        parameter.plain = parameter.value.size() == parameter.raw.size();
        if (!skip_comments()) return false;
        if (at_end() || at(';')) return true;
        value_.sloppy = true;
        return skip_to_semicolon();
    }

    // An unquoted value ends at a blank, a comment or ';'. What follows it up to ';' is stray; a file name
    // that should have been quoted is taken whole then, for the log.
    bool read_unquoted(MimeParameter& parameter) {
        parameter.raw.begin = at_;
        const std::string_view token = take_until(" \t\r\n;(\"");
        parameter.value = std::string(token);
        parameter.raw.end = at_;
        if (!skip_comments()) return false;
        if (at_end() || at(';')) return true;
        value_.sloppy = true;
        if (!skip_to_semicolon()) return false;
        parameter.raw.end = at_;
        parameter.value = std::string(trim(raw_.substr(parameter.raw.begin, parameter.raw.size())));
        parameter.plain = false;
        return true;
    }

    std::string_view raw_;
    std::size_t at_ = 0;
    MimeValue value_;
};

}  // namespace

Result<MimeValue> read_mime_value(std::string_view raw) {
    if (raw.size() > kMaxMimeValueBytes)
        return Error{ErrorCode::kMalformed, "a MIME field longer than 8 KiB"};
    return ValueReader(raw).read();
}

const MimeParameter* find_parameter(const MimeValue& value, std::string_view name) {
    for (const MimeParameter& parameter : value.parameters)
        if (parameter.name == name) return &parameter;
    return nullptr;
}

std::size_t count_parameters(const MimeValue& value, std::string_view name) {
    return static_cast<std::size_t>(
        std::count_if(value.parameters.begin(), value.parameters.end(),
                      [&](const MimeParameter& parameter) { return parameter.name == name; }));
}

bool is_mime_token(std::string_view text) {
    constexpr std::string_view kSpecials = "()<>@,;:\\\"/[]?=";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return c > 32 && c < 127 && kSpecials.find(c) == kSpecials.npos;
    });
}

}  // namespace optimilter
