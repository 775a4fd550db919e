// SPDX-License-Identifier: Apache-2.0
#include "console/sendmail_cf.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += name + "|";
    return text;
}

void test_filters() {
    const SendmailCf cf = parse_sendmail_cf(
        "# Xcomment, S=unix:/no\n"
        "Xoptimilter, S=unix:/run/optimilter/optimilter.sock, F=, T=C:2s;S:5s;R:10s;E:20s\n"
        "Xdkim,S=inet:8891@localhost\n"
        "Xsplit,  S = local:/x ,\n\tF=T,\n  T= C:1m ; R : 3\n"
        "X\n"
        "Xonly\n"
        "Xodd, =, S, T=:;CC:5;E, Q=1\n");
    CHECK_EQ(cf.filters.size(), 6u);
    CHECK_EQ(cf.filters[0].name, "optimilter");
    CHECK_EQ(cf.filters[0].socket, "unix:/run/optimilter/optimilter.sock");
    CHECK_EQ(cf.filters[0].on_error, "");
    CHECK_EQ(cf.filters[0].timeouts.size(), 4u);
    CHECK_EQ(cf.filters[0].timeouts.at('R'), "10s");
    CHECK_EQ(cf.filters[1].socket, "inet:8891@localhost");
    CHECK(cf.filters[1].timeouts.empty());
    CHECK_EQ(cf.filters[2].socket, "local:/x");
    CHECK_EQ(cf.filters[2].on_error, "T");
    CHECK_EQ(cf.filters[2].timeouts.at('C'), "1m");
    CHECK_EQ(cf.filters[2].timeouts.at('R'), "3");
    CHECK_EQ(cf.filters[3].name, "");
    CHECK_EQ(cf.filters[4].name, "only");
    CHECK_EQ(cf.filters[5].socket, "");
    CHECK_EQ(cf.filters[5].timeouts.size(), 1u);
    CHECK_EQ(cf.filters[5].timeouts.at('E'), "");
}

void test_options() {
    const SendmailCf cf = parse_sendmail_cf(
        "O InputMailFilters=first\n"
        "O inputmailfilters = optimilter, dkim\r\n"
        "O MaxMessageSize=5000\n"
        "#O MaxMessageSize=1\n"
        "O DaemonPortOptions=Name=MTA, Port=smtp\n"
        "O DaemonPortOptions=N=MSA, Port=587, I=dkim;optimilter\n"
        "O DaemonPortOptions=Name=raw, InputMailFilters=\n"
        "OInputMailFilters=old-style\n");
    CHECK_EQ(joined(cf.input_filters), "optimilter|dkim|");
    CHECK_EQ(cf.message_limit, "5000");
    CHECK_EQ(cf.daemons.size(), 3u);
    CHECK_EQ(cf.daemons[0].name, "MTA");
    CHECK(!cf.daemons[0].filters);
    CHECK_EQ(cf.daemons[1].name, "MSA");
    CHECK_EQ(joined(*cf.daemons[1].filters), "dkim|optimilter|");
    CHECK(cf.daemons[2].filters && cf.daemons[2].filters->empty());
}

void test_nothing_of_ours() {
    for (const std::string_view text : {"", "\n\n", " leading blank\n", "\t", "O", "X", "O \n", "O =\n",
                                        "R$* $: x\n", "O DaemonPortOptions\n"}) {
        const SendmailCf cf = parse_sendmail_cf(text);
        CHECK(cf.input_filters.empty());
        CHECK(cf.filters.empty() || cf.filters[0].name.empty());
    }
}

void test_times() {
    struct Case {
        std::string_view text;
        std::int64_t want;
    };
    constexpr Case kTimes[] = {{"0", 0},          {"7", 7000},        {"10s", 10000},
                               {"5m", 300000},    {"1h", 3600000},    {"1d", 86400000},
                               {"1w", 604800000}, {"1h30m", 5400000}, {"1H30", 3630000}};
    for (const Case& row : kTimes) CHECK_EQ(parse_sendmail_time(row.text).value_or(-1), row.want, row.text);
    for (const std::string_view text : {"", "s", "-1", "5x", "5 m", "1.5s", "5mm", "99999999999999999999",
                                        "999999999w", "1000000000w1000000000w", "0x5", "+5"})
        CHECK(!parse_sendmail_time(text), text);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_filters),
        TEST(test_options),
        TEST(test_nothing_of_ours),
        TEST(test_times),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
