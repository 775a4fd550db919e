// SPDX-License-Identifier: Apache-2.0
//
// Rows of the table of settings by name, for rules, which set single ones. Thread safe: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "policy/settings.hpp"
#include "policy/toml.hpp"

namespace optimilter {

// kUnsupported: there is no setting of that name; the text names the nearest. Else as read_setting().
Status read_named_setting(std::string_view name, const toml::node& node, Settings& settings);

// The value as TOML text; empty when it is left to the profile, or there is no such setting.
std::string print_named_setting(std::string_view name, const Settings& settings);

// Two settings that exclude each other, which no single row can tell.
struct Contradiction {
    std::string_view first;
    std::string_view second;
    std::string text;
};
std::vector<Contradiction> contradictions(const Settings& settings);

}  // namespace optimilter
