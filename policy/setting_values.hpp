// SPDX-License-Identifier: Apache-2.0
//
// One value of a settings file: from a TOML node, checked, into its C++ type, and back to TOML text. What a
// value is for is not known here. Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.hpp"
#include "policy/settings.hpp"
#include "policy/toml.hpp"

namespace optimilter {

// How a value is written, and its bounds, both included, for numbers.
struct SettingBounds {
    SettingForm form = SettingForm::kNumber;
    double minimum = 0;
    double maximum = 0;
};

// Each reads node into value, or leaves value as it was and says what is wrong (kMalformed, kLimit).
Status read_setting(const toml::node& node, const SettingBounds& bounds, bool& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, double& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, std::string& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, ProfileName& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, LogLevel& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, LogTarget& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, OptTrust& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, FormatSet& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, ConvertSet& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, std::vector<Network>& value);
Status read_setting(const toml::node& node, const SettingBounds& bounds, std::vector<std::string>& value);

// Whole numbers of every width and form, within bounds.
Result<std::int64_t> read_number(const toml::node& node, const SettingBounds& bounds);

template <typename T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Status
    read_setting(const toml::node& node, const SettingBounds& bounds, T& value) {
    const auto number = read_number(node, bounds);
    if (!number) return number.error();
    value = static_cast<T>(*number);
    return Success{};
}

template <typename T>
Status read_setting(const toml::node& node, const SettingBounds& bounds, std::optional<T>& value) {
    T read{};
    const Status status = read_setting(node, bounds, read);
    if (status) value = read;
    return status;
}

// The value as TOML text.
std::string print_setting(bool value, const SettingBounds& bounds);
std::string print_setting(double value, const SettingBounds& bounds);
std::string print_setting(const std::string& value, const SettingBounds& bounds);
std::string print_setting(ProfileName value, const SettingBounds& bounds);
std::string print_setting(LogLevel value, const SettingBounds& bounds);
std::string print_setting(LogTarget value, const SettingBounds& bounds);
std::string print_setting(OptTrust value, const SettingBounds& bounds);
std::string print_setting(const FormatSet& value, const SettingBounds& bounds);
std::string print_setting(const ConvertSet& value, const SettingBounds& bounds);
std::string print_setting(const std::vector<Network>& value, const SettingBounds& bounds);
std::string print_setting(const std::vector<std::string>& value, const SettingBounds& bounds);
std::string print_number(std::int64_t value, const SettingBounds& bounds);

template <typename T>
requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) std::string
    print_setting(T value, const SettingBounds& bounds) {
    return print_number(static_cast<std::int64_t>(value), bounds);
}

// Empty for an unset value.
template <typename T>
std::string print_setting(const std::optional<T>& value, const SettingBounds& bounds) {
    return value ? print_setting(*value, bounds) : std::string();
}

// What may be written, in words; sample selects the list of words of an enumeration.
std::string describe_form(SettingForm form);
std::string describe_words(ProfileName sample);
std::string describe_words(LogLevel sample);
std::string describe_words(LogTarget sample);
std::string describe_words(OptTrust sample);
std::string describe_words(const FormatSet& sample);
std::string describe_words(const ConvertSet& sample);
template <typename T>
std::string describe_words(const T&) {
    return {};
}

}  // namespace optimilter
