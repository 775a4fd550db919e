// SPDX-License-Identifier: Apache-2.0
#include "policy/quantities.hpp"

#include <fmt/format.h>

#include <charconv>
#include <iterator>
#include <span>

#include "base/text.hpp"

namespace optimilter {

namespace {

struct QuantityUnit {
    std::string_view name;
    std::int64_t factor;
};

// Largest first: printing takes the first that divides the number.
constexpr QuantityUnit kBinarySizes[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}};
constexpr QuantityUnit kSizes[] = {{"GiB", 1 << 30},   {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
                                   {"GB", 1000000000}, {"MB", 1000000},  {"kB", 1000}};
constexpr QuantityUnit kTimes[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

Result<std::int64_t> parse_quantity(std::string_view text, std::span<const QuantityUnit> units,
                                    std::string_view wanted) {
    const auto malformed = [&] {
        return Error{ErrorCode::kMalformed, fmt::format("want a whole number with {}", wanted)};
    };
    std::int64_t number = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status == std::errc::result_out_of_range) return Error{ErrorCode::kLimit, "too large"};
    if (status != std::errc() || number < 0 || text[0] == '-') return malformed();
    std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (!unit.empty() && unit[0] == ' ') unit.remove_prefix(1);
    for (const QuantityUnit& row : units) {
        if (!iequals(unit, row.name)) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(number, row.factor, &product))
            return Error{ErrorCode::kLimit, "too large"};
        return product;
    }
    return malformed();
}

std::string print_quantity(std::int64_t number, std::span<const QuantityUnit> units) {
    for (const QuantityUnit& row : units) {
        if (number != 0 && number % row.factor == 0)
            return fmt::format("{}{}", number / row.factor, row.name);
    }
    return fmt::format("{}", number);
}

}  // namespace

Result<std::int64_t> parse_size(std::string_view text) {
    return parse_quantity(text, kSizes, "B, KiB, MiB, GiB, kB, MB or GB");
}

Result<std::int64_t> parse_time(std::string_view text) {
    return parse_quantity(text, kTimes, "ms, s, m (minutes) or h");
}

std::string print_size(std::int64_t bytes) {
    return print_quantity(bytes, kBinarySizes);
}

std::string print_time(std::int64_t ms) {
    return print_quantity(ms, kTimes);
}

}  // namespace optimilter
