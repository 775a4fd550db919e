// SPDX-License-Identifier: Apache-2.0
#include "policy/list_file.hpp"

#include "check.hpp"
#include "policy/mail_address.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kTexthash = R"(# who is in
anna@example.org     OK
  and more of the value
Example.NET          REJECT whatever
boss@example.net     DUNNO
.sub.example         x
news@                x
<>                   x
alone
anna@example.org     dunno
)";

constexpr std::string_view kRegexp = R"(/^spam@/           OK
!/@example\.org$/  DUNNO
if /^a/
/anna/             DUNNO
/ANNA2/i           OK
if !/q/
|^a/b@|            OK
endif
endif
/case@/i           OK
/z@/
)";

constexpr std::string_view kCidr = R"(192.0.2.7        DUNNO
192.0.2.0/24     OK
!2001:db8::/32   DUNNO
if 2001:db8:1::/48
2001:db8:1::1    OK
endif
)";

std::shared_ptr<const ListFile> list_of(ListKind kind, std::string_view text) {
    LoadedList loaded = parse_list(kind, text, "list");
    CHECK(loaded.problems.empty(), loaded.problems.empty() ? "" : loaded.problems[0].text);
    return loaded.list;
}

void test_texthash() {
    const auto list = list_of(ListKind::kTexthash, kTexthash);
    struct Case {
        const char* name;
        std::string_view address;
        bool want;
    };
    constexpr Case kCases[] = {
        {"address", "<Anna@example.org>", true},
        {"another there", "<ben@example.org>", false},
        {"domain", "<ben@example.net>", true},
        {"the narrower key takes out", "<boss@example.net>", false},
        {"below a domain with a dot", "<a@b.sub.example>", true},
        {"not the domain itself", "<a@sub.example>", false},
        {"a domain is not for what is below it", "<a@x.example.net>", false},
        {"user anywhere", "<news@elsewhere.example>", true},
        {"null sender", "<>", true},
        {"key without a value", "alone", true},
        {"a value is no key", "OK", false},
        {"a continued line is no key", "and", false},
    };
    for (const Case& c : kCases) CHECK_EQ(list->holds_address(plain_address(c.address)), c.want, c.name);
    CHECK(list->holds_word("alone"));
    CHECK(!list->holds_word("alon"));
    CHECK(!list->holds_client(*parse_address("192.0.2.1")));
    CHECK_EQ(list->size(), 7u);
}

void test_regexp() {
    const auto list = list_of(ListKind::kRegexp, kRegexp);
    struct Case {
        const char* name;
        std::string_view address;
        bool want;
    };
    constexpr Case kCases[] = {
        {"first line", "spam@elsewhere.example", true},
        {"letter case does not matter", "SPAM@elsewhere.example", true},
        {"negated", "ben@elsewhere.example", false},
        {"inside if, taken out", "anna@example.org", false},
        {"inside if, i makes letter case count", "anna2@example.org", false},
        {"another delimiter, inside two ifs", "a/b@example.org", true},
        {"if does not hold", "bnna@example.org", false},
        {"after endif", "xcase@example.org", true},
        {"a key without a value", "z@example.org", true},
        {"null sender", "<>", false},
    };
    for (const Case& c : kCases) CHECK_EQ(list->holds_address(plain_address(c.address)), c.want, c.name);
    CHECK(list_of(ListKind::kRegexp, "/^<>$/ OK\n")->holds_address(""));
    const auto guarded = list_of(ListKind::kRegexp, "if /x@/\n/b/ OK\nendif\n");
    CHECK(guarded->holds_address("bx@c") && !guarded->holds_address("b@c"));
    CHECK(list_of(ListKind::kRegexp, "/a\\/b/ OK\n")->holds_word("a/b"));
}

void test_cidr() {
    const auto list = list_of(ListKind::kCidr, kCidr);
    struct Case {
        const char* name;
        std::string_view client;
        bool want;
    };
    constexpr Case kCases[] = {
        {"network", "192.0.2.8", true},
        {"taken out before", "192.0.2.7", false},
        {"negated: not in 2001:db8::/32, so out", "198.51.100.1", false},
        {"inside if", "2001:db8:1::1", true},
        {"inside the network, beside it", "2001:db8:1::2", false},
        {"if does not hold", "2001:db8:2::1", false},
    };
    for (const Case& c : kCases) CHECK_EQ(list->holds_client(*parse_address(c.client)), c.want, c.name);
    CHECK(!list->holds_address("192.0.2.8") && !list->holds_word("192.0.2.8"));
}

void test_problems() {
    struct Case {
        const char* name;
        ListKind kind;
        std::string text;
        std::string_view want;
    };
    std::string many;
    for (int i = 0; i < 1001; ++i) many += "/a/ x\n";
    const Case kCases[] = {
        {"open pattern", ListKind::kRegexp, "# x\n/abc x\n",
         "list:2: want /pattern/, and find no end of it: /abc x"},
        {"bad pattern", ListKind::kRegexp, "/(/ x\n", "list:1: missing ): ("},
        {"unknown flag", ListKind::kRegexp, "/a/q x\n", "list:1: unknown flag \"q\""},
        {"if alone", ListKind::kRegexp, "/b/ x\nif\n", "list:2: a pattern is missing"},
        {"if without endif", ListKind::kRegexp, "/b/ x\nif /a/\n/c/ x\n", "list:2: \"if\" without \"endif\""},
        {"endif without if", ListKind::kCidr, "endif\n", "list:1: \"endif\" without \"if\""},
        {"no network", ListKind::kCidr, "10.0.0.0/8 x\n10.0.0.1/8 x\n",
         "list:2: \"10.0.0.1/8\" has bits set"},
        {"too many", ListKind::kRegexp, many, "list:1001: more than 1000 lines"},
        {"continued line counts as its first", ListKind::kCidr, "\n10.0.0.0/8\n  x\nfoo\n",
         "list:4: \"foo\" is no IP"},
    };
    for (const Case& c : kCases) {
        const LoadedList loaded = parse_list(c.kind, c.text, "list");
        CHECK(loaded.list == nullptr, c.name);
        CHECK(loaded.problems.size() == 1, c.name);
        CHECK(loaded.problems[0].text.starts_with(c.want),
              std::string(c.name) + ": " + loaded.problems[0].text);
    }
    const std::string bad(3000, '\n');
    std::string lines;
    for (int i = 0; i < 300; ++i) lines += "/(/\n";
    CHECK_EQ(parse_list(ListKind::kRegexp, lines, "list").problems.size(), 20u);
    CHECK(parse_list(ListKind::kRegexp, bad, "list").problems.empty());
    CHECK_EQ(load_list({ListKind::kCidr, "/nowhere/list"}).problems.at(0).text,
             "/nowhere/list: No such file or directory");
}

void test_places() {
    struct Case {
        std::string_view text;
        bool names;
        bool ok;
        std::string_view want;  // path, or part of the error
    };
    constexpr Case kCases[] = {
        {"texthash:/etc/a", true, true, "/etc/a"},
        {"regexp:/a", true, true, "/a"},
        {"cidr:/a", true, true, "/a"},
        {"hash:/a", true, false, "give the text file that the database is made from"},
        {"lmdb:/a", true, false, "give the text file"},
        {"pcre:/a", true, false, "read as regexp:/path"},
        {"ldap:/a", true, false, "want texthash:/path"},
        {"texthash:a", false, false, "want texthash:/path"},
        {"a@b:/c", false, false, ""},
        {"2001:db8::/32", false, false, ""},
        {"::/0", false, false, ""},
        {"example.org", false, false, ""},
    };
    for (const Case& c : kCases) {
        CHECK_EQ(names_list_file(c.text), c.names, c.text);
        const auto place = parse_list_place(c.text);
        CHECK_EQ(place.has_value(), c.ok, c.text);
        if (c.ok) CHECK_EQ(place->path, c.want, c.text);
        if (!c.ok) CHECK(place.error().text.find(c.want) != std::string::npos, c.text);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_texthash), TEST(test_regexp), TEST(test_cidr), TEST(test_problems),
                                TEST(test_places)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
