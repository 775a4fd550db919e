// SPDX-License-Identifier: Apache-2.0
//
// Every setting, from the one table policy/settings.def: the struct, the reading of TOML with file:line and
// the nearest name for a slip, and the printing of all or of only the changed ones. A Settings is an
// immutable snapshot once loaded; reload makes a new one. Thread safe: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

enum class ProfileName : std::uint8_t { kLossless, kBalanced, kCompact };

// A network in CIDR form, IPv4 mapped into IPv6.
struct Network {
    std::uint8_t address[16] = {};
    std::uint8_t prefix_bits = 128;
};

struct Settings {
#define OPTIMILTER_SETTING(key, type, member, default_value, minimum, maximum, unit, reloadable, help) \
    type member = default_value;
#include "policy/settings.def"
#undef OPTIMILTER_SETTING
};

// One slip in a settings file. text: "file:line: what is wrong", ready to print.
struct SettingsProblem {
    std::string text;
};

struct LoadedSettings {
    Settings settings;
    std::vector<SettingsProblem> problems;  // empty: settings may be used
    bool ok() const { return problems.empty(); }
};

// Reads a TOML file; every problem is reported, not only the first. A missing file is a problem.
LoadedSettings load_settings(const std::string& path);
// The same from text; name stands for the file in problems.
LoadedSettings parse_settings(std::string_view toml, const std::string& name);

// Lines "key = value" in the table's order, valid TOML. only_changed: those that differ from the default.
std::string print_settings(const Settings& settings, bool only_changed);

}  // namespace optimilter
