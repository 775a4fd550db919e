// SPDX-License-Identifier: Apache-2.0
#include "console/postfix_lists.hpp"

#include <random>

#include "check.hpp"

namespace optimilter {
namespace {

// "address|name=value;name=value" for each milter, for one-line comparisons; "?" when refused.
std::string shown(const std::optional<std::vector<PostfixMilter>>& milters) {
    if (!milters) return "?";
    std::string text;
    for (const PostfixMilter& milter : *milters) {
        text += (text.empty() ? "" : " ") + milter.address;
        for (const auto& [name, value] : milter.settings) text += "|" + name + "=" + value;
    }
    return text;
}

void test_milters() {
    struct Case {
        std::string_view name, text, want;
    };
    constexpr Case kCases[] = {
        {"empty", "", ""},
        {"blanks and commas", " , ,\t", ""},
        {"one", "unix:/a", "unix:/a"},
        {"commas", "unix:/a,inet:h:1", "unix:/a inet:h:1"},
        {"blanks", "unix:/a  inet:h:1\tunix:b", "unix:/a inet:h:1 unix:b"},
        {"braces", "{ unix:/a, default_action=accept, connect_timeout=2s }",
         "unix:/a|connect_timeout=2s|default_action=accept"},
        {"tight braces", "{unix:/a,default_action=accept}", "unix:/a|default_action=accept"},
        {"braces without commas", "{ unix:/a default_action=accept }", "unix:/a|default_action=accept"},
        {"inner braces", "{ unix:/a, { default_action = accept } }", "unix:/a|default_action=accept"},
        {"braces then plain", "{ unix:/a, protocol=6 }, inet:h:1", "unix:/a|protocol=6 inet:h:1"},
        {"plain then braces", "inet:h:1 { unix:/a, protocol=6 }", "inet:h:1 unix:/a|protocol=6"},
        {"last one wins", "{ unix:/a, protocol=2, protocol=6 }", "unix:/a|protocol=6"},
        {"blanks around = outside braces are no setting", "{ unix:/a, protocol = 6 }", "unix:/a|="},
        {"empty braces", "{ }", ""},
        {"open brace", "{ unix:/a", "?"},
        {"closing brace", "unix:/a }", "?"},
        {"wrong way round", "} unix:/a {", "?"},
    };
    for (const Case& c : kCases) CHECK_EQ(shown(parse_postfix_milters(c.text)), c.want, c.name);
}

void test_times() {
    struct Case {
        std::string_view text;
        std::int64_t want;  // -1: refused
    };
    constexpr Case kCases[] = {
        {"30s", 30000},     {"30", 30000},     {"5m", 300000}, {"1h", 3600000},
        {"1d", 86400000},   {"1w", 604800000}, {"0", 0},       {"", -1},
        {"s", -1},          {"-1s", -1},       {"2 s", -1},    {"2ms", -1},
        {"1.5s", -1},       {"2S", -1},        {"$x", -1},     {"99999999999999999999", -1},
        {"2000000000", -1},
    };
    for (const Case& c : kCases) CHECK_EQ(parse_postfix_time(c.text).value_or(-1), c.want, c.text);
}

void test_settings() {
    const PostfixSettings settings = parse_postfix_settings(
        "queue_directory = /var/spool/postfix\n"
        "smtpd_milters = { unix:/a, x=y },\n    inet:h:1\n"
        "empty =\n"
        "no equals sign\n"
        "\n"
        "last=1");
    CHECK_EQ(settings.size(), 4u);
    CHECK_EQ(settings.at("queue_directory"), "/var/spool/postfix");
    CHECK_EQ(settings.at("smtpd_milters"), "{ unix:/a, x=y }, inet:h:1");
    CHECK_EQ(settings.at("empty"), "");
    CHECK_EQ(settings.at("last"), "1");
    CHECK(parse_postfix_settings("").empty());
}

void test_services() {
    const auto services = parse_postfix_services(
        "# comment\n"
        "smtp       inet  n       -       y       -       -       smtpd\n"
        "submission inet  n       -       n       -       -       smtpd -v -o syslog_name=postfix/submission "
        "-o "
        "{smtpd_milters={ unix:/a, default_action=accept }, inet:h:1} -o "
        "receive_override_options=no_milters\n"
        "2525 inet n - - - - smtpd\n  -o smtpd_milters=\n"
        "short line\n"
        "x unix - - n - - smtpd -o\n");
    CHECK_EQ(services.size(), 4u);
    CHECK_EQ(services[0].name, "smtp");
    CHECK_EQ(services[0].chroot, "y");
    CHECK_EQ(services[1].command, "smtpd");
    CHECK_EQ(services[1].overrides.size(), 3u);
    CHECK_EQ(services[1].overrides.at("smtpd_milters"), "{ unix:/a, default_action=accept }, inet:h:1");
    CHECK_EQ(services[2].overrides.at("smtpd_milters"), "");
    CHECK_EQ(services[2].chroot, "-");
    CHECK(services[3].overrides.empty());
}

// Whatever the text, all parsers come to an end and stay within it.
void test_noise() {
    std::mt19937 random(7);
    constexpr std::string_view kLetters = "{}=,- \n\tasx:/o#0\"\\";
    for (int i = 0; i < 20000; ++i) {
        std::string text(random() % 40, ' ');
        for (char& c : text) c = kLetters[random() % kLetters.size()];
        (void)parse_postfix_milters(text);
        (void)parse_postfix_services("a b c d e f g h " + text);
        (void)parse_postfix_services(text);
        (void)parse_postfix_settings(text);
        (void)parse_postfix_time(text);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_milters), TEST(test_times), TEST(test_settings),
                                TEST(test_services), TEST(test_noise)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
