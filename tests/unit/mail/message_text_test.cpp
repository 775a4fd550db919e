// SPDX-License-Identifier: Apache-2.0
#include "mail/message_text.hpp"

#include <string>

#include "check.hpp"
#include "mail/header_block.hpp"

namespace optimilter {
namespace {

using std::string_view_literals::operator""sv;

// "name:value|...#body", or the error's text.
std::string shown(std::string_view text) {
    const auto split = split_message(as_bytes(text));
    if (!split) return split.error().text;
    std::string out;
    for (const HeaderField& field : split->fields)
        out += std::string(field.name) + ":" + std::string(field.value) + "|";
    return out + "#" + std::string(text.substr(split->body.begin, split->body.size()));
}

void test_split() {
    struct Case {
        std::string_view name, text, want;
    };
    constexpr Case kCases[] = {
        {"nothing", "", "a message without header fields"},
        {"blank line first", "\r\nbody", "a message without header fields"},
        {"only a From line", "From a@b Mon Jan 1\n", "a message without header fields"},
        {"two From lines", "From a\nFrom b\nA: 1\n\n", "a header line that is no field"},
        {"no field", "A: 1\nno field\n\n", "a header line that is no field"},
        {"empty name", ": 1\n\n", "a header line that is no field"},
        {"blank before the colon", "Content-Type : x\n\n", "a header line that is no field"},
        {"8bit name", "\xFC: x\n\n", "a header line that is no field"},
        {"continuation first", " x\nA: 1\n\n", "a header starts with a continuation line"},
        {"blanks alone", "A: 1\n \t\nB: 2\n\n", "a header line of blanks alone"},
        {"NUL", "A: 1\0\n\n"sv, "NUL in a header"},
        {"bare CR", "A: 1\rB: 2\n\n", "bare CR in a header"},
        {"CR CR LF", "A: 1\r\r\n\r\n", "bare CR in a header"},
        {"LF", "A: 1\nB:2\n\nbody\n", "A: 1|B:2|#body\n"},
        {"CRLF", "A: 1\r\nB: 2\r\n\r\nbody", "A: 1|B: 2|#body"},
        {"mixed", "A: 1\r\nB: 2\n\r\nbody", "A: 1|B: 2|#body"},
        {"folds stay", "A: 1\r\n\t2\n 3\r\n\r\n", "A: 1\r\n\t2\n 3|#"},
        {"empty value", "A:\nB:\n c\n\n", "A:|B:\n c|#"},
        {"no body", "A: 1\n", "A: 1|#"},
        {"no final line end", "A: 1", "A: 1|#"},
        {"From line stays in front", "From a@b Mon\nA: 1\n\nx", "A: 1|#x"},
        {"NUL in the body is no matter here", "A: 1\n\n\0"sv, "A: 1|#\0"sv},
    };
    for (const Case& c : kCases) CHECK_EQ(shown(c.text), c.want, c.name);
}

void test_ranges() {
    const std::string_view text = "From x\nA: 1\n\nbody";
    const auto split = split_message(as_bytes(text));
    CHECK(split->header == (ByteRange{7, 12}));
    CHECK(split->body == (ByteRange{13, 17}));
}

void test_limit() {
    const std::string long_header = "A: " + std::string(2 << 20, 'x') + "\n\n";
    CHECK(split_message(as_bytes(long_header)).error().code == ErrorCode::kLimit);
}

void test_check_fields() {
    struct Case {
        std::string_view name, field, value;
        bool want;
    };
    constexpr Case kCases[] = {
        {"empty name", "", " x", false},
        {"blank in the name", "Content-Type ", " x", false},
        {"line end that is no fold", "A", " x\nB: y", false},
        {"CRLF that is no fold", "A", " x\r\nB: y", false},
        {"bare CR", "A", " x\r y", false},
        {"NUL", "A", " x\0"sv, false},
        {"final line end", "A", " x\r\n", false},
        {"line of blanks", "A", " x\n \n y", false},
        {"empty line", "A", " x\n\n y", false},
        {"plain", "A", " x", true},
        {"empty", "A", "", true},
        {"LF fold", "A", " x\n\ty", true},
        {"CRLF fold", "A", "\r\n x\r\n y", true},
        {"8bit value", "A", " \xFC", true},
    };
    for (const Case& c : kCases)
        CHECK_EQ(check_fields({{"Ok", " ok"}, {c.field, c.value}}).has_value(), c.want, c.name);
}

void test_find_and_count() {
    const HeaderFields fields = {{"A", "1"}, {"b", "2"}, {"a", "3"}};
    CHECK_EQ(find_field(fields, "A")->value, "1");
    CHECK_EQ(find_field(fields, "B")->value, "2");
    CHECK(find_field(fields, "c") == nullptr);
    CHECK_EQ(count_fields(fields, "a"), 2u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_split), TEST(test_ranges), TEST(test_limit),
                                TEST(test_check_fields), TEST(test_find_and_count)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
