// SPDX-License-Identifier: Apache-2.0
#include "console/check_mta.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kGlobals =
    "compatibility_level = 3.7\n"
    "queue_directory = /var/spool/postfix\n"
    "milter_default_action = tempfail\n"
    "milter_connect_timeout = 30s\n"
    "milter_command_timeout = 30s\n"
    "milter_content_timeout = 300s\n"
    "milter_protocol = 6\n"
    "message_size_limit = 10240000\n";

#define OURS                                                                                              \
    "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, " \
    "content_timeout=15s }"

constexpr std::string_view kServices =
    "smtp inet n - y - - smtpd\n"
    "submission inet n - y - - smtpd -o syslog_name=postfix/submission\n"
    "cleanup unix n - y - 0 cleanup\n";

CheckMtaInput chroot_input() {
    CheckMtaInput input;
    input.listen = "unix:/var/spool/postfix/optimilter/optimilter.sock";
    input.path_exists = [listen = input.listen](const std::string& path) { return listen == "unix:" + path; };
    return input;
}

std::string warnings(const std::vector<MtaFinding>& findings) {
    std::string text;
    for (const MtaFinding& finding : findings) text += finding.warning ? finding.text + "\n" : "";
    return text;
}

std::string notes(const std::vector<MtaFinding>& findings) {
    std::string text;
    for (const MtaFinding& finding : findings) text += finding.warning ? "" : finding.text + "\n";
    return text;
}

std::string with(std::string_view more) {
    return std::string(kGlobals) + std::string(more);
}

std::string lists(std::string_view smtpd, std::string_view non_smtpd = OURS) {
    return with("smtpd_milters = " + std::string(smtpd) + "\nnon_smtpd_milters = " + std::string(non_smtpd) +
                "\n");
}

void test_queue_that_is_not_counted() {
    CheckMtaInput input = chroot_input();
    struct Case {
        std::vector<std::string> counted;
        bool noted;
    };
    for (const Case& row : {Case{{"/var/spool/postfix"}, false},
                            {{"/a", "/var/spool/postfix/"}, false},
                            {{"/var/spool/postfix-out"}, true},
                            {{"sendmail:/var/spool/postfix"}, true},
                            {{}, true}}) {
        input.queue_directories = row.counted;
        const auto findings = check_mta(lists(OURS), kServices, input);
        CHECK_EQ(warnings(findings), "");
        const std::string text = notes(findings);
        CHECK_EQ(text.find("queue_directory is \"/var/spool/postfix\", which is not in our setting") !=
                     std::string::npos,
                 row.noted);
    }
}

void test_our_snippet_has_no_warning() {
    const auto findings = check_mta(lists(OURS), kServices, chroot_input());
    CHECK_EQ(warnings(findings), "");
    CHECK_EQ(notes(findings),
             "smtpd_milters: optimilter is milter 1 of 1\n"
             "non_smtpd_milters: optimilter is milter 1 of 1\n");
    CHECK_EQ(warnings(check_mta(lists(OURS ", inet:127.0.0.1:8891", OURS " inet:127.0.0.1:8891"), kServices,
                                chroot_input())),
             "");
}

// Each row: one thing wrong in smtpd_milters (non_smtpd_milters is right), the one warning it must give.
void test_entries() {
    struct Case {
        std::string_view name, smtpd, want;
    };
    constexpr Case kCases[] = {
        {"missing", "inet:127.0.0.1:8891",
         "optimilter is not in smtpd_milters: Postfix never asks it about mail that comes in by SMTP\n"},
        {"empty", "",
         "optimilter is not in smtpd_milters: Postfix never asks it about mail that comes in by SMTP\n"},
        {"braces", "{ unix:/optimilter/optimilter.sock, default_action=accept",
         "smtpd_milters: the braces do not match: { unix:/optimilter/optimilter.sock, "
         "default_action=accept\n"},
        {"no action of its own",
         "{ unix:/optimilter/optimilter.sock, connect_timeout=2s, command_timeout=5s, content_timeout=15s }",
         "smtpd_milters: default_action is \"tempfail\": when optimilter is away, mail would not pass; set "
         "default_action=accept\n"},
        {"wrong action",
         "{ unix:/optimilter/optimilter.sock, default_action=quarantine, connect_timeout=2s, "
         "command_timeout=5s, content_timeout=15s }",
         "smtpd_milters: default_action is \"quarantine\": when optimilter is away, mail would not pass; set "
         "default_action=accept\n"},
        {"connect_timeout too long",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=6s, command_timeout=5s, "
         "content_timeout=15s }",
         "smtpd_milters: connect_timeout is \"6s\": a hung milter would hold every session up for so long; "
         "set "
         "connect_timeout=2s\n"},
        {"command_timeout of main.cf",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, content_timeout=15s "
         "}",
         "smtpd_milters: command_timeout is \"30s\": a hung milter would hold every session up for so long; "
         "set "
         "command_timeout=5s\n"},
        {"content_timeout below the deadline",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=9s }",
         "smtpd_milters: content_timeout is \"9s\": Postfix would give up before our deadline of 5s; set "
         "content_timeout=15s\n"},
        {"content_timeout too long",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=2m }",
         "smtpd_milters: content_timeout is \"2m\": a hung milter would hold every session up for so long; "
         "set "
         "content_timeout=15s\n"},
        {"no time",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=soon, "
         "command_timeout=5s, "
         "content_timeout=15s }",
         "smtpd_milters: connect_timeout is \"soon\", which is no time; set connect_timeout=2s\n"},
        {"old protocol",
         "{ unix:/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=15s, protocol=4 }",
         "smtpd_milters: milter_protocol is 4; optimilter wants 6\n"},
        {"path of the host, but in the chroot",
         "{ unix:/var/spool/postfix/optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, "
         "command_timeout=5s, content_timeout=15s }",
         "smtpd_milters: smtp, submission (in the chroot) looks for the socket at "
         "/var/spool/postfix/var/spool/postfix/optimilter/optimilter.sock, which is not there; optimilter "
         "listens on /var/spool/postfix/optimilter/optimilter.sock\n"},
        {"wrong path",
         "{ unix:/run/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=15s }",
         "smtpd_milters: smtp, submission (in the chroot) looks for the socket at "
         "/var/spool/postfix/run/optimilter.sock, which is not there; optimilter listens on "
         "/var/spool/postfix/optimilter/optimilter.sock\n"},
        {"inet, but we listen on unix",
         "{ inet:optimilter.example:8895, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=15s }",
         "smtpd_milters: Postfix asks inet:optimilter.example:8895, but optimilter listens on "
         "unix:/var/spool/postfix/optimilter/optimilter.sock\n"},
        {"no kind of socket",
         "{ local:/optimilter, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=15s }",
         "smtpd_milters: \"local:/optimilter\" is neither unix: nor inet:\n"},
        {"relative paths count from the queue directory",
         "{ unix:optimilter/optimilter.sock, default_action=accept, connect_timeout=2s, command_timeout=5s, "
         "content_timeout=15s }",
         ""},
    };
    for (const Case& c : kCases)
        CHECK_EQ(warnings(check_mta(lists(c.smtpd), kServices, chroot_input())), c.want, c.name);
}

void test_bare_entry_takes_the_global_settings() {
    const std::string bare = lists("unix:/optimilter/optimilter.sock");
    CHECK_EQ(check_mta(bare, kServices, chroot_input()).size(), 6u);  // 2 entries, action, 3 time-outs
    const std::string good =
        bare +
        "milter_default_action = accept\nmilter_connect_timeout = 2s\nmilter_command_timeout = 5\n"
        "milter_content_timeout = 15s\n";
    CHECK_EQ(warnings(check_mta(good, kServices, chroot_input())), "");
    CHECK(warnings(check_mta(good + "milter_protocol = 2\n", kServices, chroot_input())).find("wants 6") !=
          std::string::npos);
}

void test_deadline_moves_the_bounds() {
    CheckMtaInput input = chroot_input();
    input.deadline_ms = 10001;
    CHECK(warnings(check_mta(lists(OURS), kServices, input)).find("set content_timeout=21s") !=
          std::string::npos);
    input.deadline_ms = 10000;
    CHECK_EQ(warnings(check_mta(lists(OURS), kServices, input)), "");
    // The longest deadline there is must have a time-out that gives no warning.
    input.deadline_ms = 60000;
    std::string settings = lists(OURS);
    for (std::size_t at; (at = settings.find("=15s")) != std::string::npos;) settings.replace(at, 4, "=70s");
    CHECK_EQ(warnings(check_mta(settings, kServices, input)), "");
}

void test_missing_in_non_smtpd() {
    CHECK_EQ(warnings(check_mta(lists(OURS, ""), kServices, chroot_input())),
             "optimilter is not in non_smtpd_milters: mail from sendmail(1) passes unchanged\n");
}

void test_order() {
    struct Case {
        std::string_view before;
        bool want_warning;
    };
    constexpr Case kCases[] = {
        {"inet:127.0.0.1:8891", true},
        {"inet:localhost:8892", true},
        {"inet:localhost:11332", true},
        {"unix:/opendkim/opendkim.sock", true},
        {"{ unix:/var/run/rspamd/milter.sock, default_action=tempfail }", true},
        {"unix:dkimpy-milter/dkimpy-milter.sock", true},
        {"inet:127.0.0.1:8893,inet:127.0.0.1:7357", true},
        {"unix:/clamav/clamav-milter.ctl", false},
        {"inet:127.0.0.1:18891", false},
        {"unix:/spamass/8891", false},
    };
    for (const Case& c : kCases) {
        const std::string found =
            warnings(check_mta(lists(std::string(c.before) + ", " OURS), kServices, chroot_input()));
        CHECK_EQ(found.find("DKIM signer") != std::string::npos, c.want_warning, c.before);
    }
    CheckMtaInput input = chroot_input();
    input.skip_dkim_outbound = true;
    const std::string found = warnings(check_mta(lists(OURS, "inet:localhost:8891 " OURS), kServices, input));
    CHECK(found.find("non_smtpd_milters: optimilter stands after inet:localhost:8891") == 0);
    CHECK(found.find("signed first and then left as it is") != std::string::npos);
}

void test_chroot_column() {
    struct Case {
        std::string_view name, column, level;
        bool chroot;
    };
    constexpr Case kCases[] = {
        {"yes", "y", "3.7", true},
        {"no", "n", "3.7", false},
        {"default is no", "-", "3.7", false},
        {"default of old", "-", "0", true},
        {"no, and old", "n", "0", false},
    };
    for (const Case& c : kCases) {
        const std::string column(c.column);
        const std::string services =
            "smtp inet n - " + column + " - - smtpd\ncleanup unix n - " + column + " - 0 cleanup\n";
        const std::string settings = lists(OURS) + "compatibility_level = " + std::string(c.level) + "\n";
        const std::string found = warnings(check_mta(settings, services, chroot_input()));
        // The entry names a path for the chroot: without one it leads nowhere.
        CHECK_EQ(found.find("(no chroot) looks for the socket at /optimilter/optimilter.sock") ==
                     std::string::npos,
                 c.chroot, c.name);
    }
}

void test_engine_away() {
    CheckMtaInput input = chroot_input();
    input.path_exists = [](const std::string&) { return false; };
    const std::string found = warnings(check_mta(lists(OURS), kServices, input));
    CHECK(found.find("is optimilter-engine running?") != std::string::npos);
}

void test_inet() {
    CheckMtaInput input;
    input.listen = "inet:8895@127.0.0.1";
    constexpr std::string_view kSettings =
        ", default_action=accept, connect_timeout=2s, command_timeout=5s, content_timeout=15s }";
    const auto entry = [&](std::string_view address) {
        return "{ " + std::string(address) + std::string(kSettings);
    };
    const std::string good = entry("inet:localhost:8895");
    CHECK_EQ(warnings(check_mta(lists(good, good), kServices, input)), "");
    const std::string port = entry("inet:optimilter.example:8896");
    CHECK(warnings(check_mta(lists(port, good), kServices, input))
              .find("but optimilter listens on inet:8895") != std::string::npos);
    const std::string unix_entry = entry("unix:/optimilter/optimilter.sock");
    CHECK(warnings(check_mta(lists(unix_entry, good), kServices, input)).find("but optimilter listens on") !=
          std::string::npos);
    const std::string foreign = entry("inet:localhost:8896");
    CHECK(warnings(check_mta(lists(foreign, good), kServices, input)).find("is not in smtpd_milters") !=
          std::string::npos);
    input.listen = "inet6:8895@::1";
    const std::string six = entry("inet:[::1]:8895");
    CHECK_EQ(warnings(check_mta(lists(six, six), kServices, input)), "");
}

void test_sizes() {
    CheckMtaInput input = chroot_input();
    input.body_share = 10240000;
    CHECK_EQ(warnings(check_mta(lists(OURS), kServices, input)), "");
    input.body_share = 10239999;
    CHECK(warnings(check_mta(lists(OURS), kServices, input)).starts_with("message_size_limit is 10240000"));
    CHECK(warnings(check_mta(lists(OURS) + "message_size_limit = 0\n", kServices, input))
              .starts_with("message_size_limit is 0 (no limit)"));
}

void test_services() {
    const auto found = [](std::string_view options, bool warning) {
        const std::string services =
            std::string(kServices) + "10025 inet n - y - - smtpd " + std::string(options) + "\n";
        const auto findings = check_mta(lists(OURS), services, chroot_input());
        return warning ? warnings(findings) : notes(findings);
    };
    CHECK(found("-o receive_override_options=no_header_body_checks,no_milters", false)
              .find("service 10025: no_milters is set") != std::string::npos);
    CHECK(found("-o smtpd_milters=", false).find("service 10025: smtpd_milters is set to a list without") !=
          std::string::npos);
    CHECK(found("-o smtpd_milters=inet:h:8891", false).find("a list without optimilter") !=
          std::string::npos);
    CHECK_EQ(found("-o smtpd_milters=", true), "");
    CHECK_EQ(found("-o {smtpd_milters=" OURS ", inet:h:8891}", true), "");
    CHECK(found("-o {smtpd_milters=inet:h:8891, " OURS "}", true).find("DKIM signer") != std::string::npos);
    CHECK(found("-o {smtpd_milters={ unix:/optimilter/optimilter.sock }}", true)
              .find("service 10025: smtpd_milters: default_action is \"tempfail\"") != std::string::npos);
    const std::string all = lists(OURS) + "receive_override_options = no_milters\n";
    CHECK(warnings(check_mta(all, kServices, chroot_input())).find("no milter at all") != std::string::npos);
    const std::string maps = lists(OURS) + "smtpd_milter_maps = cidr:/etc/postfix/milter_map\n";
    CHECK(notes(check_mta(maps, kServices, chroot_input())).find("smtpd_milter_maps") != std::string::npos);
}

void test_nothing_to_read() {
    CHECK_EQ(warnings(check_mta("", "", CheckMtaInput())), "postconf printed no settings\n");
    CHECK(!warnings(check_mta("x = y\n", "", CheckMtaInput())).empty());
    const std::string settings = lists(OURS);
    for (std::size_t length = 0; length < settings.size(); ++length)
        CHECK(!warnings(check_mta(settings.substr(0, length), kServices, chroot_input())).empty() ||
              length + 1 >= settings.size());
}

void test_foreign_text_is_cleaned() {
    for (const MtaFinding& finding :
         check_mta(lists("{ unix:/optimilter\x1b[2J, default_action=a\x07 }"), kServices, chroot_input()))
        CHECK(finding.text.find_first_of("\x1b\x07\n") == std::string::npos, finding.text);
}

void test_input_from_settings() {
    Settings settings;
    settings.deadline = 7000;
    settings.body_budget = 1000;
    settings.client_share = 30;
    settings.skip_dkim_outbound = true;
    const CheckMtaInput input = mta_input(settings);
    CHECK_EQ(input.listen, settings.listen);
    CHECK_EQ(input.deadline_ms, 7000);
    CHECK_EQ(input.body_share, 300u);
    CHECK(input.skip_dkim_outbound);
    CHECK(input.path_exists("/"));
    CHECK(!input.path_exists("/nonexistent/optimilter.sock"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_queue_that_is_not_counted),
        TEST(test_our_snippet_has_no_warning),
        TEST(test_entries),
        TEST(test_bare_entry_takes_the_global_settings),
        TEST(test_deadline_moves_the_bounds),
        TEST(test_missing_in_non_smtpd),
        TEST(test_order),
        TEST(test_chroot_column),
        TEST(test_engine_away),
        TEST(test_inet),
        TEST(test_sizes),
        TEST(test_services),
        TEST(test_nothing_to_read),
        TEST(test_foreign_text_is_cleaned),
        TEST(test_input_from_settings),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
