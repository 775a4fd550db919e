// SPDX-License-Identifier: Apache-2.0
#include "console/check_sendmail.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "check.hpp"

namespace optimilter {
namespace {

#define OURS "Xoptimilter, S=unix:/run/optimilter/optimilter.sock, F=, T=C:2s;S:5s;R:10s;E:20s\n"
#define ASKED "O InputMailFilters=optimilter\nO MaxMessageSize=1000000\n"

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

std::string warned(std::string_view cf, const CheckMtaInput& input = {}) {
    return warnings(check_sendmail(cf, input));
}

void test_our_lines_have_no_warning() {
    const auto findings = check_sendmail(ASKED OURS, CheckMtaInput());
    CHECK_EQ(warnings(findings), "");
    CHECK_EQ(notes(findings), "InputMailFilters: optimilter is filter 1 of 1\n");
    CHECK_EQ(warned("O InputMailFilters=optimilter, dkim\n" OURS "Xdkim, S=inet:8891@localhost\n"), "");
}

void test_queue_that_is_not_counted() {
    const std::string cf = std::string(ASKED OURS) + "O QueueDirectory=/var/spool/mqueue/q*\n";
    CheckMtaInput input;
    CHECK(
        notes(check_sendmail(cf, input)).find("QueueDirectory is \"sendmail:/var/spool/mqueue/q*\", which") !=
        std::string::npos);
    input.queue_directories = {"sendmail:/var/spool/mqueue/q*"};
    CHECK_EQ(notes(check_sendmail(cf, input)), "InputMailFilters: optimilter is filter 1 of 1\n");
}

// Each row: an X line, and what the one warning must say.
void test_filter_lines() {
    struct Case {
        std::string_view x, want;
    };
    constexpr std::string_view kPlace = "Xoptimilter, S=unix:/run/optimilter/optimilter.sock, ";
    constexpr Case kCases[] = {
        {"F=T, T=C:2s;S:5s;R:10s;E:20s", "F=T: when optimilter is away"},
        {"F=R, T=C:2s;S:5s;R:10s;E:20s", "F=R: when optimilter is away"},
        {"F=4, T=C:2s;S:5s;R:10s;E:20s", "F=4: when optimilter is away"},
        {"F=, T=S:5s;R:10s;E:20s", "T=C:5m (Sendmail's default): a hung filter"},
        {"F=, T=C:0;S:5s;R:10s;E:20s", "T=C:0: too short; set C:2s"},
        {"F=, T=C:6s;S:5s;R:10s;E:20s", "T=C:6s: a hung filter"},
        {"F=, T=C:2s;S:11s;R:10s;E:20s", "T=S:11s: a hung filter"},
        {"F=, T=C:2s;S:soon;R:10s;E:20s", "T=S:soon is no time; set S:5s"},
        {"F=, T=C:2s;S:5s;R:6s;E:20s",
         "T=R:6s: Sendmail would give up before our answer, which takes 5500ms"},
        {"F=, T=C:2s;S:5s;R:31s;E:1m", "T=R:31s: a hung filter"},
        {"F=, T=C:2s;S:5s;R:10s;E:5s", "T=E:5s: Sendmail would give up"},
        {"F=, T=C:2s;S:5s;R:10s;E:6m", "T=E:6m: a hung filter"},
    };
    for (const Case& row : kCases) {
        const std::string text = warned(ASKED + std::string(kPlace) + std::string(row.x) + "\n");
        CHECK(text.starts_with("Xoptimilter: "), text);
        CHECK(text.find(row.want) != std::string::npos, text);
        CHECK_EQ(std::count(text.begin(), text.end(), '\n'), 1, text);
    }
    CHECK_EQ(warned(ASKED "Xoptimilter, S=unix:/run/optimilter/optimilter.sock, T=C:2s;S:5s\n"), "");
}

void test_deadline_moves_the_bounds() {
    CheckMtaInput input;
    input.deadline_ms = 30000;
    CHECK(warned(ASKED OURS, input).find("set R:35s") != std::string::npos);
    CHECK(warned(ASKED OURS, input).find("set E:1m10s") != std::string::npos ||
          warned(ASKED OURS, input).find("set E:70s") != std::string::npos);
    const std::string longer = ASKED
        "Xo, S=unix:/run/optimilter/optimilter.sock, T=C:2s;S:5s;R:35s;E:70s\n"
        "O InputMailFilters=o\n";
    CHECK_EQ(warned(longer, input), "");
    input.guard_slack_ms = 10000;
    CHECK(warned(longer, input).find("R:35s: Sendmail would give up") != std::string::npos);
}

void test_sockets() {
    CheckMtaInput input;
    CHECK(warned(ASKED "Xoptimilter, S=local:/run/optimilter/optimilter.sock, T=C:2s;S:5s\n").empty());
    CHECK(warned(ASKED "Xoptimilter, S=unix:/elsewhere, T=C:2s;S:5s\n")
              .find("Sendmail asks unix:/elsewhere, but") != std::string::npos);
    for (const std::string_view odd : {"", "/run/optimilter/optimilter.sock", "unix", ":", "inet"})
        CHECK(warned(ASKED "Xoptimilter, S=" + std::string(odd) + ", T=C:2s;S:5s\n").find("is neither") !=
                  std::string::npos,
              odd);
    input.path_exists = [](const std::string&) { return false; };
    CHECK(warned(ASKED OURS, input).find("is optimilterd running?") != std::string::npos);
    input.unsafe_place = [](const std::string& path) { return path + " is a symbolic link"; };
    CHECK_EQ(
        warned(ASKED OURS, input),
        "Xoptimilter: /run/optimilter/optimilter.sock is a symbolic link: Sendmail does not start with such "
        "a socket\n");
}

void test_inet() {
    CheckMtaInput input;
    input.listen = "inet:8895@127.0.0.1";
    CHECK_EQ(warned("O InputMailFilters=shrink\nXshrink, S=inet:8895@localhost, T=C:2s;S:5s\n", input), "");
    CHECK_EQ(warned("O InputMailFilters=shrink\nXshrink, S=inet6:8895@::1, T=C:2s;S:5s\n", input), "");
    CHECK(warned(ASKED "Xoptimilter, S=inet:8896@localhost, T=C:2s;S:5s\n", input)
              .find("but optimilter listens on inet:8895@127.0.0.1") != std::string::npos);
    CHECK(warned(ASKED OURS, input).find("but optimilter listens on inet") != std::string::npos);
}

void test_lists() {
    CHECK(warned("").find("no filter (X line)") != std::string::npos);
    CHECK(warned("Xdkim, S=inet:8891@localhost\nO InputMailFilters=dkim\n").find("no filter (X line)") !=
          std::string::npos);
    CHECK(warned(OURS).find("in no InputMailFilters") != std::string::npos);
    CHECK(warned("O InputMailFilters=dkim\n" OURS).find("in no InputMailFilters") != std::string::npos);
    const std::string msa = "O DaemonPortOptions=Name=MSA, InputMailFilters=dkim;optimilter\n" OURS;
    CHECK(warned(msa).find("in no") == std::string::npos);
    CHECK(warned(msa).find("daemon MSA: InputMailFilters: optimilter stands after dkim") !=
          std::string::npos);
    const auto left_out =
        check_sendmail("O DaemonPortOptions=Name=raw, InputMailFilters=\n" ASKED OURS, CheckMtaInput());
    CHECK_EQ(warnings(left_out), "");
    CHECK(notes(left_out).find("daemon raw: InputMailFilters is a list without optimilter") !=
          std::string::npos);
}

void test_order() {
    CheckMtaInput input;
    const std::string by_port = "O InputMailFilters=sign,optimilter\nXsign, S=inet:8891@localhost\n" OURS;
    CHECK(warned(by_port).find("changed after it was signed") != std::string::npos);
    input.skip_dkim_outbound = true;
    CHECK(warned(by_port, input).find("signed first and then left") != std::string::npos);
    CHECK(warned("O InputMailFilters=opendkim,optimilter\n" OURS).find("DKIM") != std::string::npos);
    CHECK_EQ(warned("O InputMailFilters=clamav,optimilter\nXclamav, S=unix:/run/clamav\n" OURS), "");
}

void test_sizes() {
    CheckMtaInput input;
    input.body_share = 1000;
    CHECK(notes(check_sendmail(ASKED OURS, input))
              .find("MaxMessageSize is 1000000: messages over 1000 bytes") != std::string::npos);
    CHECK(notes(check_sendmail("O MaxMessageSize=lots\n" OURS, input)).find("MaxMessageSize is not set") !=
          std::string::npos);
}

void test_every_beginning_is_read() {
    const std::string text = "O InputMailFilters=dkim,optimilter\n" OURS "Xdkim, S=inet:8891@localhost\n";
    for (std::size_t length = 0; length < text.size(); ++length)
        CHECK(!check_sendmail(text.substr(0, length), CheckMtaInput()).empty());
}

void test_foreign_text_is_cleaned() {
    for (const MtaFinding& finding : check_sendmail(
             "Xoptimilter\x1b[2J, S=\x07, F=\x1b\nO DaemonPortOptions=Name=\x1b, I=\n", CheckMtaInput()))
        CHECK(finding.text.find_first_of("\x1b\x07\n") == std::string::npos, finding.text);
}

// The folders of the test itself lie below /tmp or a build folder, so only what they end in is asked for.
void test_unsafe_places() {
    char pattern[] = "/tmp/optimilter-unsafe-XXXXXX";
    const std::string folder = ::mkdtemp(pattern);
    const std::string socket = folder + "/x.sock", link = folder + "/link.sock";
    CHECK_EQ(unsafe_socket_place(socket), "/tmp can be written to by everybody");
    ::chmod(folder.c_str(), 0770);
    CHECK_EQ(unsafe_socket_place(socket), folder + " can be written to by its group");
    ::chmod(folder.c_str(), 0707);
    CHECK_EQ(unsafe_socket_place(socket), folder + " can be written to by everybody");
    CHECK_EQ(::symlink("/nonexistent", link.c_str()), 0);
    CHECK_EQ(unsafe_socket_place(link), link + " is a symbolic link");
    CHECK_EQ(unsafe_socket_place("/etc/optimilter.sock"), "");
    CHECK_EQ(unsafe_socket_place("/nonexistent/folder/optimilter.sock"), "");
    CHECK_EQ(unsafe_socket_place(""), "");
    CHECK_EQ(unsafe_socket_place("relative"), "");
    ::unlink(link.c_str());
    ::rmdir(folder.c_str());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_queue_that_is_not_counted),
        TEST(test_our_lines_have_no_warning),
        TEST(test_filter_lines),
        TEST(test_deadline_moves_the_bounds),
        TEST(test_sockets),
        TEST(test_inet),
        TEST(test_lists),
        TEST(test_order),
        TEST(test_sizes),
        TEST(test_every_beginning_is_read),
        TEST(test_foreign_text_is_cleaned),
        TEST(test_unsafe_places),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
