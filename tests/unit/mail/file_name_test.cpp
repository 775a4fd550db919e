// SPDX-License-Identifier: Apache-2.0
#include "mail/file_name.hpp"

#include "check.hpp"
#include "mail/charset.hpp"

namespace optimilter {
namespace {

void test_parameter_text() {
    struct Case {
        std::string_view name, raw, want;
    };
    constexpr Case kCases[] = {
        {"none", "attachment", ""},
        {"another name that starts alike", "attachment; filenames=x", ""},
        {"continuation that starts at 1", "attachment; filename*1=x", ""},
        {"unknown charset stays as it came", "attachment; filename*=x-klingon''%61.jpg",
         "x-klingon''%61.jpg"},
        {"broken utf-8 stays as it came", "attachment; filename*=utf-8''%FF.jpg", "utf-8''%FF.jpg"},
        {"no charset at all", "attachment; filename*=a%20b.jpg", "a b.jpg"},
        {"half an escape", "attachment; filename*=utf-8''100%.jpg%4", "100%.jpg%4"},
        {"escape that is no hex", "attachment; filename*=utf-8''%zz.jpg", "%zz.jpg"},
        {"gap in the sections", "attachment; filename*0=a; filename*2=c", "a"},
        {"bad encoded word stays", "attachment; filename=\"=?utf-8?X?abc?=\"", "=?utf-8?X?abc?="},
        {"unended encoded word stays", "attachment; filename=\"=?utf-8?Q?abc\"", "=?utf-8?Q?abc"},
        {"encoded word of unknown charset", "attachment; filename=\"=?x-no?Q?abc?=\"", "=?x-no?Q?abc?="},
        {"stateful charset stays", "attachment; filename=\"=?iso-2022-jp?B?GyRC?=\"",
         "=?iso-2022-jp?B?GyRC?="},
        {"plain", "attachment; filename=a.jpg", "a.jpg"},
        {"quoted, raw 8bit", "attachment; filename=\"\xC3\xBC.jpg\"", "\xC3\xBC.jpg"},
        {"extended", "attachment; filename*=UTF-8'de'%C3%BC%20x.jpg", "\xC3\xBC x.jpg"},
        {"extended wins", "attachment; filename=old.jpg; filename*=utf-8''new.jpg", "new.jpg"},
        {"latin-1", "attachment; filename*=iso-8859-1''%FC.jpg", "\xC3\xBC.jpg"},
        {"continued", "attachment; filename*1=\"b.jpg\"; filename*0=\"a\"", "ab.jpg"},
        {"continued and extended", "attachment; filename*0*=utf-8''%C3; filename*1*=%BC; filename*2=%41.jpg",
         "\xC3\xBC%41.jpg"},
        {"q word", "attachment; filename=\"=?iso-8859-1?Q?Gr=FC=DFe_x.pdf?=\"",
         "Gr\xC3\xBC\xC3\x9F"
         "e x.pdf"},
        {"b word", "attachment; filename==?utf-8?B?w7wuanBn?=", "\xC3\xBC.jpg"},
        {"words side by side, character cut in two",
         "attachment; filename=\"=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=BC.jpg?=\"", "\xC3\xBC.jpg"},
        {"blank between word and text stays", "attachment; filename=\"=?utf-8?Q?a?= b.jpg\"", "a b.jpg"},
        {"words of two charsets", "attachment; filename=\"=?utf-8?Q?a?= =?iso-8859-1?Q?=FC?=\"", "a\xC3\xBC"},
        {"word with language", "attachment; filename=\"=?utf-8*de?Q?a?=\"", "a"},
    };
    for (const Case& c : kCases) {
        const auto value = read_mime_value(c.raw);
        CHECK(value.has_value(), c.name);
        CHECK_EQ(parameter_text(*value, "filename"), c.want, c.name);
    }
}

void test_many_word_starts_are_linear() {
    std::string text;
    while (text.size() < 400'000) text += "=?a?q?";
    CHECK_EQ(decode_encoded_words(text), text);
    CHECK_EQ(decode_encoded_words(text + "?="), text + "?=");
    std::string words;
    while (words.size() < 400'000) words += "=?utf-8?q?x?= =?iso-8859-1?q?y?= ";
    CHECK_EQ(decode_encoded_words(words).substr(0, 4), "xyxy");
}

void test_charsets() {
    struct Case {
        std::string_view name, charset, text, want;  // want "-": cannot be converted
    };
    constexpr Case kCases[] = {
        {"no name", "", "a", "-"},
        {"unknown", "x-unknown", "a", "-"},
        {"iconv suffix does not pass", "koi8-r//translit", "a", "-"},
        {"iconv name off the list", "utf-7", "+AGE-", "-"},
        {"not in windows-1252", "windows-1252", "\x81", "-"},
        {"not ascii", "us-ascii", "\xFC", "-"},
        {"overlong", "utf-8", "\xC0\x80", "-"},
        {"half a character", "gbk", "\xB0", "-"},
        {"ascii", "US-ASCII", "a", "a"},
        {"latin-1 is read as windows-1252", "ISO-8859-1", "\x80\xFC", "\xE2\x82\xAC\xC3\xBC"},
        {"latin-9 euro", "iso-8859-15", "\xA4", "\xE2\x82\xAC"},
        {"cyrillic", "windows-1251", "\xC0", "\xD0\x90"},
        {"koi8", "KOI8-R", "\xE1", "\xD0\x90"},
        {"chinese", "gb2312", "\xB0\xA1", "\xE5\x95\x8A"},
    };
    for (const Case& c : kCases) CHECK_EQ(to_utf8(c.text, c.charset).value_or("-"), c.want, c.name);
    CHECK(to_utf8(std::string(kMaxCharsetBytes, 'a'), "utf-8").has_value());
    CHECK(!to_utf8(std::string(kMaxCharsetBytes + 1, 'a'), "utf-8").has_value());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_parameter_text), TEST(test_many_word_starts_are_linear),
                                TEST(test_charsets)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
