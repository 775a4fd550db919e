// SPDX-License-Identifier: Apache-2.0
//
// What is to be done with a message and with a part of it: settings applied to plain facts. Knows no
// libmilter, no decoder and no clock. Thread safe: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "optimizers/format.hpp"
#include "optimizers/options.hpp"
#include "policy/settings.hpp"

namespace optimilter {

enum class Direction : std::uint8_t { kInbound, kOutbound };
std::string_view direction_name(Direction direction);

// Outbound = authenticated, or from an address in internal_networks; everything else, and an address we
// cannot read, is inbound. client_address: as in the macro {client_addr}: "192.0.2.1", "IPv6:2001:db8::1" or
// "2001:db8::1"; empty: unknown.
Direction message_direction(const Settings& settings, std::string_view client_address, bool authenticated);

// What may be done to the message as a whole.
struct MessagePlan {
    bool skip_dkim = true;
    Options options;  // for every part
    std::int64_t deadline_ms = 5000;
    bool dry_run = false;
    bool trace_header = true;
};
MessagePlan plan_message(const Settings& settings, Direction direction);

// What may be done to a file: the values of the settings' profile, single values overridden by settings.
Options profile_options(const Settings& settings);

// Empty: try it; else the reason why not (static text). decoded_size in bytes; format by sniffing.
std::string_view part_excluded(const Settings& settings, Format format, std::size_t decoded_size);

// Does replacing bytes_in by bytes_out gain enough (min_gain_percent and min_gain_bytes)? Both of encoded
// text or both of decoded files.
bool gain_is_enough(const Settings& settings, std::size_t bytes_in, std::size_t bytes_out);

}  // namespace optimilter
