// SPDX-License-Identifier: Apache-2.0
#include "console/run_program.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kPlenty = 60'000;

void test_output_errors_and_status() {
    const auto ran = run_program({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}, kPlenty);
    CHECK(ran.has_value());
    CHECK_EQ(ran->exit_status, 3);
    CHECK_EQ(ran->output, "out\n");
    CHECK_EQ(ran->errors, "err\n");
    CHECK_EQ(run_program({"sh", "-c", "kill -9 $$"}, kPlenty)->exit_status, 137);
}

void test_words_meet_no_shell() {
    CHECK_EQ(run_program({"echo", "$(id); `id` > /dev/null", "a\nb"}, kPlenty)->output,
             "$(id); `id` > /dev/null a\nb\n");
}

void test_missing_program() {
    for (const char* name : {"/nonexistent/program", "no-such-program-anywhere", "/etc/passwd"}) {
        const auto ran = run_program({name}, kPlenty);
        CHECK(!ran && ran.error().code == ErrorCode::kIo, name);
    }
}

// More than the pipes hold, both ways at once.
void test_input_and_output() {
    const std::string text(3 << 20, 'x');
    CHECK_EQ(run_program({"wc", "-c"}, kPlenty, text)->output, std::to_string(text.size()) + "\n");
    const auto echoed = run_program({"cat"}, kPlenty, text);
    CHECK_EQ(echoed->output.size(), 1u << 20);
    CHECK_EQ(run_program({"cat"}, kPlenty)->output, "");
}

// The end of a program that does not read is no end of ours.
void test_input_that_nobody_reads() {
    CHECK_EQ(run_program({"true"}, kPlenty, std::string(1 << 20, 'x'))->exit_status, 0);
}

void test_time_limit() {
    const auto ran = run_program({"sh", "-c", "sleep 600 & sleep 600"}, 50);
    CHECK(!ran && ran.error().code == ErrorCode::kDeadline);
    CHECK_EQ(ran.error().text, "sh did not end within 50 ms");
    // Something that stays behind and keeps the output open does not hold us.
    const auto left = run_program({"sh", "-c", "sleep 5 & echo done"}, kPlenty);
    CHECK_EQ(left->output, "done\n");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_output_errors_and_status), TEST(test_words_meet_no_shell),     TEST(test_missing_program),
        TEST(test_input_and_output),         TEST(test_input_that_nobody_reads), TEST(test_time_limit),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
