// SPDX-License-Identifier: Apache-2.0
#include "policy/network.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLongestAddress = 64;
constexpr std::uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr int kMappedBits = 96;

bool is_ipv4(const IpAddress& address) {
    return std::equal(std::begin(kMappedPrefix), std::end(kMappedPrefix), address.begin());
}

// No prefixes and no zones.
std::optional<IpAddress> parse_plain_address(std::string_view text) {
    if (text.size() > kLongestAddress || text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string terminated(text);
    IpAddress address{};
    if (::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
    std::copy(std::begin(kMappedPrefix), std::end(kMappedPrefix), address.begin());
    if (::inet_pton(AF_INET, terminated.c_str(), address.data() + sizeof(kMappedPrefix)) == 1) return address;
    return std::nullopt;
}

std::string print_address(const IpAddress& address) {
    char text[INET6_ADDRSTRLEN] = {};
    if (is_ipv4(address)) {
        ::inet_ntop(AF_INET, address.data() + sizeof(kMappedPrefix), text, sizeof(text));
    } else {
        ::inet_ntop(AF_INET6, address.data(), text, sizeof(text));
    }
    return text;
}

IpAddress masked(IpAddress address, int prefix_bits) {
    for (int i = 0; i < 16; ++i) {
        const int kept = std::clamp(prefix_bits - 8 * i, 0, 8);
        auto& byte = address[static_cast<std::size_t>(i)];
        byte = static_cast<std::uint8_t>(byte & (0xFF00u >> kept));
    }
    return address;
}

// Bits of the prefix as written, 0..most; -1 for nonsense.
int parse_prefix(std::string_view text, int most) {
    int bits = -1;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), bits);
    const bool whole = status == std::errc() && end == text.data() + text.size();
    return whole && bits >= 0 && bits <= most ? bits : -1;
}

}  // namespace

std::optional<IpAddress> parse_address(std::string_view text) {
    if (istarts_with(text, "IPv6:")) text.remove_prefix(5);
    if (text.find(':') != std::string_view::npos) text = text.substr(0, text.find('%'));
    return parse_plain_address(text);
}

Result<Network> parse_network(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_plain_address(text.substr(0, slash));
    if (!address) {
        return Error{ErrorCode::kMalformed,
                     fmt::format("\"{}\" is no IP address or network", printable(text, kLongestAddress))};
    }
    // Written with dots, the prefix counts the 32 bits of IPv4; "::ffff:0:0/96" counts 128.
    const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
    int bits = 128;
    if (slash != std::string_view::npos) {
        const int most = dotted ? 32 : 128;
        bits = parse_prefix(text.substr(slash + 1), most);
        if (bits < 0) {
            return Error{ErrorCode::kMalformed, fmt::format("\"{}\": the prefix must be 0 to {}",
                                                            printable(text, kLongestAddress), most)};
        }
        if (dotted) bits += kMappedBits;
    }
    const Network network{masked(*address, bits), static_cast<std::uint8_t>(bits)};
    if (network.address != *address) {
        return Error{ErrorCode::kMalformed,
                     fmt::format("\"{}\" has bits set behind the prefix; \"{}\"?",
                                 printable(text, kLongestAddress), print_network(network))};
    }
    return network;
}

std::string print_network(const Network& network) {
    const bool dotted = network.prefix_bits >= kMappedBits && is_ipv4(network.address);
    return fmt::format("{}/{}", print_address(network.address),
                       network.prefix_bits - (dotted ? kMappedBits : 0));
}

bool network_contains(const Network& network, const IpAddress& address) {
    if (is_ipv4(address) && network.prefix_bits < kMappedBits) return false;
    return masked(address, network.prefix_bits) == network.address;
}

}  // namespace optimilter
