// SPDX-License-Identifier: Apache-2.0
//
// The text of `postconf -x` and `postconf -M -x` taken apart: settings, services with their -o options, lists
// of milters with the settings in their braces, times. Knows no rule about what is good (check_mta does).
// Thread safe: pure functions; broken text gives a partial result, never an error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

using PostfixSettings = std::map<std::string, std::string, std::less<>>;

// Lines "name = value"; a line that starts with a blank goes on with the one before it.
PostfixSettings parse_postfix_settings(std::string_view postconf_output);

// One line of master.cf.
struct PostfixService {
    std::string name;           // "smtp", "submission", "127.0.0.1:10025"
    std::string type;           // "inet", "unix", ...
    std::string chroot;         // "y", "n" or "-"
    std::string command;        // "smtpd", "cleanup", ...
    PostfixSettings overrides;  // of -o name=value and -o {name = value}
};
std::vector<PostfixService> parse_postfix_services(std::string_view postconf_output);

// One entry of smtpd_milters: "inet:host:port", or { unix:/path, default_action=accept, ... }.
struct PostfixMilter {
    std::string address;
    PostfixSettings settings;
};
// The entries in order, split at commas and blanks outside of braces. Nothing when braces do not match.
std::optional<std::vector<PostfixMilter>> parse_postfix_milters(std::string_view value);

// Milliseconds of "30s", "5m", "1h", "1d", "1w", or plain seconds; nothing for all else.
std::optional<std::int64_t> parse_postfix_time(std::string_view text);

}  // namespace optimilter
