// SPDX-License-Identifier: Apache-2.0
#include "optimizers/office_lengths.hpp"

#include <charconv>
#include <cmath>
#include <iterator>

#include "base/text.hpp"

namespace optimilter {

namespace {

// Larger numbers are no lengths of anything.
constexpr double kLargest = 1e12;

struct Unit {
    std::string_view name;
    double per_inch;
};
constexpr Unit kUnits[] = {{"in", 1.0}, {"cm", 2.54}, {"mm", 25.4}, {"pt", 72.0},
                           {"pc", 6.0}, {"pi", 6.0},  {"px", 96.0}};

}  // namespace

std::optional<double> parse_decimal(std::string_view text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (error != std::errc() || stop != end || !std::isfinite(value) || std::abs(value) > kLargest)
        return std::nullopt;
    return value;
}

std::optional<double> parse_length(std::string_view text) {
    text = trim(text);
    if (text.size() < 3) return std::nullopt;
    for (const Unit& unit : kUnits) {
        if (!iequals(text.substr(text.size() - 2), unit.name)) continue;
        const auto number = parse_decimal(text.substr(0, text.size() - 2));
        if (!number) return std::nullopt;
        return *number / unit.per_inch;
    }
    return std::nullopt;
}

std::optional<double> parse_emu(std::string_view text) {
    auto inches = parse_length(text);
    if (!inches) {
        const auto number = parse_decimal(text);
        if (number) inches = *number / kEmuPerInch;
    }
    if (!inches || *inches <= 0) return std::nullopt;
    return inches;
}

std::optional<double> parse_drawing_share(std::string_view text) {
    if (text.empty()) return 0;
    const bool percent = text.back() == '%';
    const auto number = parse_decimal(percent ? text.substr(0, text.size() - 1) : text);
    if (!number) return std::nullopt;
    return *number / (percent ? 100.0 : 100'000.0);
}

std::optional<double> parse_vml_share(std::string_view text) {
    if (text.empty()) return 0;
    const bool fraction = text.back() == 'f';
    const auto number = parse_decimal(fraction ? text.substr(0, text.size() - 1) : text);
    if (!number) return std::nullopt;
    return fraction ? *number / 65'536.0 : *number;
}

std::string_view style_property(std::string_view style, std::string_view name) {
    while (!style.empty()) {
        const std::size_t end = style.find(';');
        const std::string_view row = style.substr(0, end);
        const std::size_t colon = row.find(':');
        if (colon != std::string_view::npos && iequals(trim(row.substr(0, colon)), name))
            return trim(row.substr(colon + 1));
        if (end == std::string_view::npos) break;
        style.remove_prefix(end + 1);
    }
    return {};
}

}  // namespace optimilter
