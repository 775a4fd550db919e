// SPDX-License-Identifier: Apache-2.0
#include "policy/network.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

void test_networks_read_and_printed() {
    struct Case {
        std::string_view name, text, want;  // want empty: refused
    };
    constexpr Case kCases[] = {
        {"IPv4", "10.0.0.0/8", "10.0.0.0/8"},
        {"one IPv4 address", "192.0.2.1", "192.0.2.1/32"},
        {"all of IPv4", "0.0.0.0/0", "0.0.0.0/0"},
        {"IPv6", "2001:db8::/32", "2001:db8::/32"},
        {"one IPv6 address", "::1", "::1/128"},
        {"all of IPv6", "::/0", "::/0"},
        {"odd prefix", "172.16.0.0/12", "172.16.0.0/12"},
        {"mapped IPv4", "::ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"host bits IPv4", "10.1.2.3/8", ""},
        {"host bits IPv6", "2001:db8::1/32", ""},
        {"prefix too long", "10.0.0.0/33", ""},
        {"IPv6 prefix too long", "::/129", ""},
        {"negative prefix", "10.0.0.0/-1", ""},
        {"empty prefix", "10.0.0.0/", ""},
        {"two slashes", "10.0.0.0/8/8", ""},
        {"netmask", "10.0.0.0/255.0.0.0", ""},
        {"prefix with rest", "10.0.0.0/8x", ""},
        {"short IPv4", "10.0.0/24", ""},
        {"octet over 255", "10.0.0.256", ""},
        {"host name", "mail.example.org", ""},
        {"Postfix brackets", "[::1]/128", ""},
        {"zone", "fe80::1%eth0", ""},
        {"list in one", "10.0.0.0/8,::1", ""},
        {"blank", " 10.0.0.0/8", ""},
        {"empty", "", ""},
        {"slash alone", "/8", ""},
    };
    for (const Case& c : kCases) {
        const auto network = parse_network(c.text);
        CHECK_EQ(network.has_value() ? print_network(*network) : std::string(), c.want, c.name);
    }
}

void test_refusal_names_the_network_meant() {
    const auto network = parse_network("10.1.2.3/8");
    CHECK(network.error().text.find("10.0.0.0/8") != std::string::npos);
    const auto foreign = parse_network("a\x1b[2Jb");
    CHECK(foreign.error().text.find('\x1b') == std::string::npos);
}

void test_addresses() {
    struct Case {
        std::string_view name, text;
        bool want;
    };
    constexpr Case kCases[] = {
        {"IPv4", "192.0.2.1", true},
        {"IPv6", "2001:db8::1", true},
        {"Postfix's IPv6", "IPv6:2001:db8::1", true},
        {"Sendmail's case", "IPV6:2001:db8::1", true},
        {"zone", "fe80::1%eth0", true},
        {"empty", "", false},
        {"Postfix knows none", "unknown", false},
        {"Sendmail's local", "0", false},
        {"zone on IPv4", "192.0.2.1%eth0", false},
        {"prefix alone", "IPv6:", false},
        {"prefix twice", "IPv6:IPv6:::1", false},
        {"network", "192.0.2.0/24", false},
        {"port", "192.0.2.1:25", false},
        {"leading zeros", "192.000.2.1", false},
    };
    for (const Case& c : kCases) CHECK_EQ(parse_address(c.text).has_value(), c.want, c.name);
    CHECK(!parse_address(std::string_view("::1\0x", 5)));
    CHECK(!parse_address(std::string(100000, '1')));
}

void test_containing() {
    struct Case {
        std::string_view network, address;
        bool want;
    };
    constexpr Case kCases[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"172.16.0.0/12", "172.31.0.1", true},
        {"172.16.0.0/12", "172.32.0.1", false},
        {"192.0.2.1", "192.0.2.2", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "203.0.113.9", false},
        {"::/64", "127.0.0.1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::1", "::2", false},
    };
    for (const Case& c : kCases) {
        const auto network = parse_network(c.network);
        const auto address = parse_address(c.address);
        CHECK(network.has_value() && address.has_value(), c.network);
        CHECK_EQ(network_contains(*network, *address), c.want, c.address);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_networks_read_and_printed),
                                TEST(test_refusal_names_the_network_meant), TEST(test_addresses),
                                TEST(test_containing)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
