// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

void test_printable() {
    struct Case {
        std::string_view name, text;
        std::size_t limit;
        std::string_view want;
    };
    constexpr Case kCases[] = {
        {"plain", "photo.jpg", 200, "photo.jpg"},
        {"line end cannot forge a log line", "a\r\nQID: status=sent", 200, "a??QID: status=sent"},
        {"escape sequence", "\x1b[2Jx", 200, "?[2Jx"},
        {"utf-8 stays", "Gr\xC3\xBC\xC3\x9F.pdf", 200, "Gr\xC3\xBC\xC3\x9F.pdf"},
        {"latin-1 byte", "Gr\xFC.pdf", 200, "Gr?.pdf"},
        {"overlong slash", "\xC0\xAF", 200, "??"},
        {"surrogate", "\xED\xA0\x80", 200, "???"},
        {"right-to-left override", "x\xE2\x80\xAEgpj.exe", 200, "x?gpj.exe"},
        {"C1 control", "a\xC2\x9B", 200, "a?"},
        {"cut between characters", "\xC3\xBC\xC3\xBC", 3, "\xC3\xBC..."},
        {"empty", "", 200, ""},
    };
    for (const Case& c : kCases) CHECK_EQ(printable(c.text, c.limit), c.want, c.name);
}

void test_is_utf8() {
    CHECK(is_utf8("plain"));
    CHECK(is_utf8("\xF0\x9F\x93\xB7"));
    CHECK(!is_utf8("\xF0\x9F\x93"));
    CHECK(!is_utf8("\xF5\x80\x80\x80"));
}

void test_nearest_name() {
    constexpr std::string_view kNames[] = {"deadline", "min_size", "profile"};
    CHECK_EQ(nearest_name("dedline", kNames, 3), "deadline");
    CHECK_EQ(nearest_name("min-size", kNames, 3), "min_size");
    CHECK_EQ(nearest_name("zzzzzzzz", kNames, 3), "");
}

void test_ascii_case() {
    CHECK(iequals("Content-Type", "content-TYPE"));
    CHECK(!iequals("Content-Type", "Content-Typ"));
    CHECK(icontains("multipart/Signed; x", "/signed"));
    CHECK(!icontains("abc", "abcd"));
    CHECK_EQ(trim(" \t x y \r\n"), "x y");
    CHECK_EQ(trim(" \t"), "");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_printable), TEST(test_is_utf8), TEST(test_nearest_name),
                                TEST(test_ascii_case)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
