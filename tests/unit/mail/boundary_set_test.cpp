// SPDX-License-Identifier: Apache-2.0
#include "mail/boundary_set.hpp"

#include "check.hpp"

namespace optimilter {
namespace {

void test_check_boundary() {
    struct Case {
        std::string_view name, text;
        bool want;
    };
    const std::string longest(70, 'x'), too_long(71, 'x');
    const Case cases[] = {
        {"empty", "", false},
        {"71 characters", too_long, false},
        {"ends in a blank", "a ", false},
        {"one blank", " ", false},
        {"tab", "a\tb", false},
        {"line end", "a\nb", false},
        {"quote", "a\"b", false},
        {"backslash", "a\\b", false},
        {"semicolon", "a;b", false},
        {"8bit",
         "a\xFC"
         "b",
         false},
        {"NUL", std::string_view("a\0b", 3), false},
        {"asterisk", "a*b", false},
        {"encoded word", "=?utf-8?q?x?=", false},
        {"encoded word within", "a=?utf-8?q?x?=b", false},
        {"70 characters", longest, true},
        {"all punctuation", "'()+_,-./:=?x", true},
        {"blank within", "a b", true},
        {"half an encoded word", "=?_part", true},
        {"dashes", "----", true},
    };
    for (const Case& c : cases) CHECK_EQ(check_boundary(c.text).has_value(), c.want, c.name);
}

void test_add_refuses_prefixes() {
    struct Case {
        std::string_view name, text;
        bool want;
    };
    constexpr Case kCases[] = {
        {"equal", "middle", false},
        {"prefix of an open one", "mid", false},
        {"open one is prefix", "middle2", false},
        {"closing look", "middle--", false},
        {"other letter case", "MIDDLE", true},
        {"suffix", "dle", true},
        {"differs in the last letter", "middlf", true},
    };
    for (const Case& c : kCases) {
        BoundarySet set;
        CHECK(set.add("middle", 0).has_value() && set.add("a", 1).has_value() && set.add("z", 2).has_value());
        CHECK_EQ(set.add(std::string(c.text), 3).has_value(), c.want, c.name);
    }
}

void test_match() {
    BoundarySet set;
    for (std::size_t level = 0; level < 20; ++level)
        CHECK(set.add("part_" + std::string(1, static_cast<char>('a' + level)), level).has_value());
    using Kind = BoundarySet::Kind;
    struct Case {
        std::string_view name, line;
        int want_level;  // -1: no boundary line
        Kind want_kind;
    };
    constexpr Case kCases[] = {
        {"text after", "--part_cx", 2, Kind::kAmbiguous},
        {"text after a blank", "--part_c x", 2, Kind::kAmbiguous},
        {"one dash", "--part_c-", 2, Kind::kAmbiguous},
        {"three dashes", "--part_c---", 2, Kind::kAmbiguous},
        {"text after the close", "--part_c--x", 2, Kind::kAmbiguous},
        {"form feed", "--part_c\f", 2, Kind::kAmbiguous},
        {"bare CR", "--part_c\r", 2, Kind::kAmbiguous},
        {"not open", "--part_z", -1, Kind::kAmbiguous},
        {"before all", "--", -1, Kind::kAmbiguous},
        {"signature", "-- ", -1, Kind::kAmbiguous},
        {"one dash before", "-part_c", -1, Kind::kAmbiguous},
        {"blank before", " --part_c", -1, Kind::kAmbiguous},
        {"a boundary cut short", "--part_", -1, Kind::kAmbiguous},
        {"other letter case", "--PART_C", -1, Kind::kAmbiguous},
        {"delimiter", "--part_c", 2, Kind::kDelimiter},
        {"padding", "--part_t \t", 19, Kind::kDelimiter},
        {"close", "--part_a--", 0, Kind::kClose},
        {"close with padding", "--part_a--  ", 0, Kind::kClose},
    };
    for (const Case& c : kCases) {
        const auto match = set.match(c.line);
        CHECK_EQ(match ? static_cast<int>(match->level) : -1, c.want_level, c.name);
        if (match) CHECK(match->kind == c.want_kind, c.name);
    }
    set.remove(2);
    CHECK(!set.match("--part_c").has_value());
    CHECK(set.match("--part_d").has_value());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_check_boundary), TEST(test_add_refuses_prefixes), TEST(test_match)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
