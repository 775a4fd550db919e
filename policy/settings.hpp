// SPDX-License-Identifier: Apache-2.0
//
// Every setting, from the one table policy/settings.def: the struct, the reading of TOML with file:line and
// the nearest name for a slip, and the printing of all or of only the changed ones. A Settings is an
// immutable snapshot once loaded; reload makes a new one. Sizes are bytes, times are milliseconds. Knows no
// engine: whether a user or a path exists is for those who use it. Thread safe: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "optimizers/format.hpp"
#include "optimizers/options.hpp"
#include "policy/network.hpp"
#include "policy/profiles.hpp"

namespace optimilter {

// The formats that may be changed. Holds only formats that have an optimizer.
struct FormatSet {
    std::uint32_t bits = 0;  // one bit a Format, as in Options::enabled_formats

    static FormatSet all();
    bool has(Format format) const { return (bits >> static_cast<unsigned>(format)) & 1u; }
    void add(Format format) { bits |= 1u << static_cast<unsigned>(format); }

    friend bool operator==(const FormatSet&, const FormatSet&) = default;
};

// The picture formats that may become PNG. Holds only formats that can.
struct ConvertSet {
    std::uint32_t bits = 0;  // one bit a Format, as in Options::convert_formats

    bool has(Format format) const { return (bits >> static_cast<unsigned>(format)) & 1u; }
    void add(Format format) { bits |= 1u << static_cast<unsigned>(format); }

    friend bool operator==(const ConvertSet&, const ConvertSet&) = default;
};

// Whose opt_out_header and opt_in_header count. Each includes those before it.
enum class OptTrust : std::uint8_t { kNobody, kAuthenticated, kOutbound, kEverybody };

// 127.0.0.0/8 and ::1.
std::vector<Network> default_internal_networks();

struct Settings {
#define OPTIMILTER_SETTING(name, type, default_value, minimum, maximum, form, reloadable, help) \
    type name = default_value;
#include "policy/settings.def"
#undef OPTIMILTER_SETTING
};

// How a value is written in the file.
enum class SettingForm : std::uint8_t {
    kSwitch,     // true or false
    kNumber,     // whole number
    kDecimal,    // number with a fraction
    kSize,       // bytes, or text with a unit (policy/quantities.hpp)
    kTime,       // milliseconds, or text with a unit
    kOctal,      // text of octal digits
    kWord,       // one of a few words
    kWordList,   // list of such words
    kNetworks,   // list of networks (policy/network.hpp)
    kSocket,     // socket as libmilter writes it
    kName,       // user or group name, or empty
    kPath,       // absolute path, or empty
    kAddress,    // mail address, or empty
    kAddresses,  // list of mail addresses
    kFieldName,  // name of a header field, or empty
    kMailWay,    // "sendmail", absolute path of such a program, or smtp:host:port
    kQueues,     // list of queue directories: absolute paths, with "sendmail:" before those of Sendmail
    kPaths,      // list of absolute paths
    kUrl,        // http or https URL, or empty
};

// One slip in a settings file. text: "file:line: what is wrong", ready to print: foreign text is cleaned.
struct SettingsProblem {
    std::string text;
};

struct LoadedSettings {
    Settings settings;
    std::vector<SettingsProblem> problems;  // empty: settings may be used
    bool ok() const { return problems.empty(); }
};

// Reads a TOML file; every problem is reported, not only the first (TOML that cannot be parsed is one
// problem). A missing file is a problem, as is one over 1 MiB.
LoadedSettings load_settings(const std::string& path);
// The same from text; name stands for the file in problems.
LoadedSettings parse_settings(std::string_view toml, const std::string& name);

// Lines "key = value" in the table's order, valid TOML that reads back to the same settings. only_changed:
// those that differ from the default; else settings left to the profile stand as comments with its value.
std::string print_settings(const Settings& settings, bool only_changed);

// The settings with what the profile says filled in where they leave it open. The outcome is the same.
Settings with_profile(Settings settings);

// Names of the settings that differ and that only a restart can change; for the log line of a reload.
std::vector<std::string_view> changes_needing_restart(const Settings& running, const Settings& fresh);

// A row of the table in words, for manual pages and listings. In the table's order.
struct SettingText {
    std::string_view name;
    std::string kind;           // "size", "true or false", "one of lossless, balanced, compact"
    std::string default_value;  // as in TOML; empty: as the profile says
    std::string range;          // "100ms to 1m"; empty: none
    bool reloadable = false;
    std::string_view help;
};
std::vector<SettingText> describe_settings();

}  // namespace optimilter
