// SPDX-License-Identifier: Apache-2.0
//
// IP addresses and networks in CIDR form (RFC 4632, RFC 4291 sec. 2.3), IPv4 mapped into IPv6 so that one
// comparison serves both. Asks no resolver. Thread safe: pure functions.
//
// Security: addresses come from the MTA's macros; texts over 64 bytes are refused unread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace optimilter {

// An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d; network byte order.
using IpAddress = std::array<std::uint8_t, 16>;

struct Network {
    IpAddress address{};
    std::uint8_t prefix_bits = 128;  // of the IPv6 form: 10.0.0.0/8 has 104

    friend bool operator==(const Network&, const Network&) = default;
};

// The forms of the macro {client_addr}: "192.0.2.1", "2001:db8::1", "IPv6:2001:db8::1", each IPv6 form also
// with a zone ("fe80::1%eth0", the zone is ignored). Nothing for all else.
std::optional<IpAddress> parse_address(std::string_view text);

// "10.0.0.0/8", "2001:db8::/32", or one address. kMalformed with the reason; bits set behind the prefix are
// refused as Postfix does, and the text names the network that was probably meant.
Result<Network> parse_network(std::string_view text);

// The form parse_network() reads.
std::string print_network(const Network& network);

// An IPv6 network shorter than /96 holds no IPv4 address: "::/0" means all of IPv6 and nothing else.
bool network_contains(const Network& network, const IpAddress& address);

}  // namespace optimilter
