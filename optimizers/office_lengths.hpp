// SPDX-License-Identifier: Apache-2.0
//
// Lengths and shares as documents write them: "2.54cm" (ODF 1.3 part 3, 18.3.18), "width:468pt" in the style
// of a VML shape (ECMA-376 part 4, 19.1.2.19), English metric units and thousandths of a percent in DrawingML
// (ECMA-376 part 1, 20.1.10). Locale free. Thread safe: pure functions.
//
// Security: reads outside bytes; what is no number of a sane size is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace optimilter {

constexpr double kEmuPerInch = 914'400.0;

// A decimal number, the whole of text.
std::optional<double> parse_decimal(std::string_view text);

// Inches of a length with a unit: in, cm, mm, pt, pc, px (96 an inch). Nothing for others and for no unit.
std::optional<double> parse_length(std::string_view text);

// English metric units: a whole number, or with a unit as strict OOXML allows. In inches, positive or
// nothing.
std::optional<double> parse_emu(std::string_view text);

// A part of one: "25000" (thousandths of a percent) or "25%". Empty: 0.
std::optional<double> parse_drawing_share(std::string_view text);

// A part of one: "6554f" (of 65536) or "0.1". Empty: 0.
std::optional<double> parse_vml_share(std::string_view text);

// The value of a property in a CSS style ("width:10pt;height:5pt"); empty when it is not there.
std::string_view style_property(std::string_view style, std::string_view name);

}  // namespace optimilter
