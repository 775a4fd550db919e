// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_params.hpp"

#include <string>

#include "check.hpp"

namespace optimilter {
namespace {

// One value shown as "head|name=value|..." with '!' for stray text after the head and '~' for sloppy.
std::string shown(std::string_view raw) {
    const auto value = read_mime_value(raw);
    if (!value) return "error";
    std::string out = value->head;
    if (value->stray_after_head) out += "!";
    if (value->sloppy) out += "~";
    for (const MimeParameter& p : value->parameters) out += "|" + p.name + "=" + p.value;
    return out;
}

void test_values() {
    struct Case {
        std::string_view name, raw, want;
    };
    constexpr Case kCases[] = {
        {"quote does not end", " image/png; name=\"a", "error"},
        {"quote ends in an escape", " image/png; name=\"a\\", "error"},
        {"comment does not end", " image/png (a", "error"},
        {"comment ends in an escape", " image/png (a\\", "error"},
        {"nested comment does not end", " image/png (a (b) ; name=x", "error"},
        {"stray quote does not end", " image/png; name=a\"b; x=y", "error"},
        {"comment before the equals sign does not end", "a; b (", "error"},
        {"empty", "", ""},
        {"blanks only", " \t", ""},
        {"no semicolon before a parameter", " image/png name=x", "image/png!"},
        {"comma after the head", " text/plain, multipart/mixed; a=b", "text/plain,!|a=b"},
        {"blanks around the slash", " text / plain", "text!"},
        {"parameter without equals sign", "text/plain; flowed; a=b", "text/plain~|a=b"},
        {"text after a quoted value", "a/b; x=\"1\" y; z=2", "a/b~|x=1|z=2"},
        {"unquoted name with blanks", "a/b; name=my photo.jpg; z=2", "a/b~|name=my photo.jpg|z=2"},
        {"quoted semicolon after a stray text", "a/b; x=1 \";\"; z=2", "a/b~|x=1 \";\"|z=2"},
        {"comment that looks like a parameter", "a/b (; boundary=x); z=2", "a/b~|z=2"},
        {"name that is no token", "a/b; x[0]=1", "a/b~|x[0]=1"},
        {"empty name", "a/b; =1", "a/b~|=1"},
        {"empty value", "a/b; x=; y=\"\"", "a/b|x=|y="},
        {"final semicolons", "a/b;; x=1;", "a/b|x=1"},
        {"letter case", "Image/JPEG; NAME=A.JPG", "image/jpeg|name=A.JPG"},
        {"quotes hide semicolons", "a/b; name=\"x;y=z.pdf\"; c=d", "a/b|name=x;y=z.pdf|c=d"},
        {"quotes hide comments", "a/b; name=\"photo (1).jpg\"", "a/b|name=photo (1).jpg"},
        {"escapes", "a/b; name=\"x\\\"y\\\\z\"", "a/b|name=x\"y\\z"},
        {"fold between", " a/b;\r\n\tname=\"x\";\n y=z", "a/b|name=x|y=z"},
        {"fold within quotes", "a/b; name=\"x\r\n y\"", "a/b|name=x y"},
        {"comments", "(one (two)) 1.0 (three)", "1.0"},
        {"comment around the equals sign", "a/b; x (c) = (d) 1 (e)", "a/b|x=1"},
        {"unquoted value with equals signs", "a/b; boundary=----=_Part_1", "a/b|boundary=----=_Part_1"},
        {"rfc 2231 names", "a/b; name*0*=utf-8''x; name*1=y", "a/b|name*0*=utf-8''x|name*1=y"},
    };
    for (const Case& c : kCases) CHECK_EQ(shown(c.raw), c.want, c.name);
}

void test_raw_range_and_plain() {
    struct Case {
        std::string_view name, raw, want_raw;
        bool want_plain;
    };
    constexpr Case kCases[] = {
        {"token", "attachment; size=12; x=y", "12", true},
        {"quoted", "attachment; size=\"12\"", "12", true},
        {"folded before", "attachment;\r\n size = 12", "12", true},
        {"escaped", "attachment; size=\"1\\2\"", "1\\2", false},
        {"folded within", "attachment; size=\"1\r\n 2\"", "1\r\n 2", false},
        {"stray text", "attachment; size=1 2", "1 2", false},
        {"empty", "attachment; size=", "", true},
    };
    for (const Case& c : kCases) {
        const auto value = read_mime_value(c.raw);
        const MimeParameter* size = find_parameter(*value, "size");
        CHECK(size != nullptr, c.name);
        CHECK_EQ(c.raw.substr(size->raw.begin, size->raw.size()), c.want_raw, c.name);
        CHECK_EQ(size->plain, c.want_plain, c.name);
    }
}

void test_bounds() {
    const std::string head = "a/b; x=";
    CHECK(read_mime_value(head + std::string(kMaxMimeValueBytes - head.size(), 'y')).has_value());
    CHECK(!read_mime_value(head + std::string(kMaxMimeValueBytes - head.size() + 1, 'y')).has_value());
    std::string many = "a/b";
    for (std::size_t i = 0; i < kMaxMimeParameters; ++i) many += ";x=y";
    CHECK(read_mime_value(many).has_value());
    CHECK(!read_mime_value(many + ";x=y").has_value());
    // Nesting costs no stack.
    CHECK(read_mime_value(std::string(4000, '(') + std::string(4000, ')')).has_value());
}

void test_counts() {
    const auto value = read_mime_value("a/b; X=1; x=2; y=3");
    CHECK_EQ(count_parameters(*value, "x"), 2u);
    CHECK_EQ(count_parameters(*value, "z"), 0u);
    CHECK(find_parameter(*value, "z") == nullptr);
    CHECK(is_mime_token("x-y.z+1"));
    CHECK(!is_mime_token(""));
    CHECK(!is_mime_token("a b"));
    CHECK(!is_mime_token("a/b"));
    CHECK(!is_mime_token("\xFC"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_values), TEST(test_raw_range_and_plain), TEST(test_bounds),
                                TEST(test_counts)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
