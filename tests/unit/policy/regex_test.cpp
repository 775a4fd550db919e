// SPDX-License-Identifier: Apache-2.0
#include "policy/regex.hpp"

#include <string>

#include "check.hpp"

namespace optimilter {
namespace {

void test_what_is_found() {
    struct Case {
        const char* name;
        std::string_view pattern;
        bool ignore_case;
        std::string text;
        bool want;
    };
    const Case kCases[] = {
        {"in the middle", "b+", false, "abbc", true},
        {"not there", "x", false, "abbc", false},
        {"anchored", "^b", false, "abbc", false},
        {"letter case counts", "ABB", false, "abbc", false},
        {"or does not", "ABB", true, "abbc", true},
        {"in the pattern", "(?i)ABB", false, "abbc", true},
        {"UTF-8", "^Gr.n$", false, "Gr\xC3\xBCn", true},
        {"bytes that are no UTF-8 before", "png$", false, "\xFF\xFE.png", true},
        {"empty text", "^$", false, "", true},
        {"NUL", "b", false, std::string("a\0b", 3), true},
        {"at the end of what is looked at", "x$", false, std::string(Regex::kMostInput - 1, 'a') + "x", true},
        {"beyond it", "x", false, std::string(Regex::kMostInput, 'a') + "x", false},
    };
    for (const Case& c : kCases) {
        const auto regex = Regex::compile(c.pattern, c.ignore_case);
        CHECK(regex.has_value(), c.name);
        CHECK_EQ(regex->found_in(c.text), c.want, c.name);
    }
}

void test_globs() {
    struct Case {
        const char* name;
        std::string_view glob, text;
        bool want;
    };
    constexpr Case kCases[] = {
        {"ending", "*.jpg", "holiday.jpg", true},
        {"letter case", "*.jpg", "IMG_1.JPG", true},
        {"whole text", "*.jpg", "x.jpg.exe", false},
        {"type", "image/*", "image/jpeg", true},
        {"another type", "image/*", "text/image/", false},
        {"the dot is a dot", "*.jpg", "xjpg", false},
        {"one character", "scan-?.pdf", "scan-1.pdf", true},
        {"not two", "scan-?.pdf", "scan-12.pdf", false},
        {"brackets are letters", "[a].pdf", "[a].pdf", true},
        {"and no class", "[a].pdf", "a.pdf", false},
        {"name in Latin-1", "*.png", "Gr\xFCn.png", true},
        {"line end inside", "a*c", "a\nc", true},
        {"star alone", "*", "", true},
    };
    for (const Case& c : kCases) {
        const auto glob = Regex::glob(c.glob);
        CHECK(glob.has_value(), c.name);
        CHECK_EQ(glob->found_in(c.text), c.want, c.name);
    }
}

void test_what_is_refused() {
    struct Case {
        const char* name;
        std::string pattern;
        ErrorCode want;
    };
    const Case kCases[] = {
        {"open bracket", "(", ErrorCode::kMalformed},
        {"back-reference", "(a)\\1", ErrorCode::kMalformed},
        {"look-ahead", "a(?=b)", ErrorCode::kMalformed},
        {"too long", std::string(2001, 'a'), ErrorCode::kLimit},
        {"too costly", "((a{100}){100}){100}", ErrorCode::kMalformed},
        {"costly", std::string("(\\pL{500}){2}"), ErrorCode::kLimit},
    };
    for (const Case& c : kCases) {
        const auto regex = Regex::compile(c.pattern, false);
        CHECK(!regex.has_value(), c.name);
        CHECK_EQ(regex.error().code, c.want, c.name);
    }
}

// What takes other engines years; RE2 is linear. The test's own time limit tells.
void test_no_blow_up() {
    const auto regex = Regex::compile("^(a+)+$", false);
    CHECK(regex.has_value());
    CHECK(!regex->found_in(std::string(4000, 'a') + "b"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_what_is_found), TEST(test_globs), TEST(test_what_is_refused),
                                TEST(test_no_blow_up)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
