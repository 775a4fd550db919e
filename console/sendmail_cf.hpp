// SPDX-License-Identifier: Apache-2.0
//
// The text of sendmail.cf taken apart: the filters (X lines), the lists that name them, the daemons with
// lists of their own. Knows no rule about what is good (check_sendmail does), reads no file, and follows no
// m4. Thread safe: pure functions; broken text gives a partial result, never an error.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace optimilter {

// Xname, S=socket, F=flags, T=C:5m;S:10s;R:10s;E:5m. What is not given is empty.
struct SendmailFilter {
    std::string name;
    std::string socket;
    std::string on_error;                  // F=
    std::map<char, std::string> timeouts;  // T=, by their letters
};

// O DaemonPortOptions=Name=MTA, Port=smtp, InputMailFilters=a;b
struct SendmailDaemon {
    std::string name;
    std::optional<std::vector<std::string>> filters;  // nothing: those of InputMailFilters
};

struct SendmailCf {
    std::vector<SendmailFilter> filters;     // defined, in the order of the file
    std::vector<std::string> input_filters;  // asked, in the order they are
    std::vector<SendmailDaemon> daemons;
    std::string message_limit;  // MaxMessageSize; empty or 0: none
    std::string queue;          // QueueDirectory; empty: not told
};
SendmailCf parse_sendmail_cf(std::string_view text);

// Milliseconds of "30s", "5m", "1h30m", or plain seconds; nothing for all else.
std::optional<std::int64_t> parse_sendmail_time(std::string_view text);

}  // namespace optimilter
