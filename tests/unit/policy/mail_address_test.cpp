// SPDX-License-Identifier: Apache-2.0
#include "policy/mail_address.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
}

void test_plain_address() {
    struct Case {
        std::string_view name, text, want;
    };
    constexpr Case kCases[] = {
        {"brackets and case", "<Anna@Example.ORG>", "anna@example.org"},
        {"none", "anna@example.org", "anna@example.org"},
        {"null sender", "<>", ""},
        {"empty", "", ""},
        {"source route", "<@a.example,@b.example:anna@c.example>", "anna@c.example"},
        {"blanks", " <a@b> ", "a@b"},
        {"quoted local part", "<\"a b\"@c.example>", "\"a b\"@c.example"},
        {"no domain", "<postmaster>", "postmaster"},
        {"half a bracket", "<a@b", "a@b"},
    };
    for (const Case& c : kCases) CHECK_EQ(plain_address(c.text), c.want, c.name);
    CHECK_EQ(plain_address(std::string(5000, 'a')).size(), 1000u);
}

void test_keys() {
    struct Case {
        const char* name;
        std::string plain;
        std::string_view want;
    };
    const Case kCases[] = {
        {"usual", "anna@mail.example.org", "anna@mail.example.org mail.example.org .example.org .org anna@"},
        {"null sender", "", "<>"},
        {"no domain", "root", "root"},
        {"two at signs", "\"a@b\"@c", "\"a@b\"@c c \"a@b\"@"},
        {"empty domain", "a@", "a@  a@"},
        {"dots only", "a@...", "a@... ... ... .. . a@"},
    };
    for (const Case& c : kCases) CHECK_EQ(joined(address_keys(c.plain)), c.want, c.name);
    std::string deep = "a@";
    for (int i = 0; i < 400; ++i) deep += "x.";
    CHECK_EQ(address_keys(deep).size(), 20u);
    CHECK_EQ(address_keys(deep).back(), "a@");
}

void test_patterns() {
    struct Case {
        std::string_view name, text, want;
    };
    constexpr Case kCases[] = {
        {"address", "Anna@Example.org", "anna@example.org"},
        {"domain", "Example.org", "example.org"},
        {"domain with @", "@example.org", "example.org"},
        {"below a domain", ".example.org", ".example.org"},
        {"user", "anna@", "anna@"},
        {"null sender", "<>", "<>"},
        {"brackets", "<a@b>", ""},
        {"wildcard", "*@example.org", ""},
        {"two dots", "..example.org", ""},
        {"dot", ".", ""},
        {"blank", "a b", ""},
        {"list file of no kind", "ldap:/x", ""},
        {"two addresses", "a@b,c@d", ""},
        {"empty", "", ""},
        {"at sign", "@", ""},
    };
    for (const Case& c : kCases) CHECK_EQ(address_pattern_key(c.text), c.want, c.name);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_plain_address), TEST(test_keys), TEST(test_patterns)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
