// SPDX-License-Identifier: Apache-2.0
//
// The header of a part whose picture became PNG, and the splice that writes it.
#include "mail/retyped_part.hpp"

#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/mime_splice.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kContent = "QUJDQUJDQUJDQUJDQUJDQUJD";

struct Mail {
    std::string text;
    MessageText split;
    MimeIndex index;

    explicit Mail(const std::string& part_header)
        : text(
              "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\npre\r\n--b\r\n\r\n"
              "<img src=\"cid:x@y\">\r\n--b\r\n" +
              part_header + "Content-Transfer-Encoding: base64\r\nContent-ID: <x@y>\r\n\r\n" +
              std::string(kContent) + "\r\n--b--\r\nepi\r\n") {
        split = *split_message(as_bytes(text));
        index = *index_message(split.fields, body());
    }
    ByteView body() const { return slice(as_bytes(text), split.body); }
};

std::string spliced(const Mail& mail, bool to_png) {
    const auto file = splice(mail.split.fields, mail.body(), mail.index, {{2, "QUI=", 2, to_png}});
    if (!file) return std::string(error_code_name(file.error().code)) + ": " + file.error().text;
    const auto mapping = Mapping::of(file->fd(), file->size());
    return std::string(as_text(mapping->bytes()));
}

struct Row {
    const char* name;
    std::string before;
    std::string after;  // empty: refused
};

const Row kRows[] = {
    {"type alone", "Content-Type: image/bmp\r\n", "Content-Type: image/png\r\n"},
    {"type with parameters", "Content-Type: IMAGE/X-MS-BMP ; x=1\r\n", "Content-Type: image/png ; x=1\r\n"},
    {"folded", "Content-Type:\r\n image/bmp;\r\n\tname=\"a b.bmp\"\r\n",
     "Content-Type:\r\n image/png;\r\n\tname=\"a b.png\"\r\n"},
    {"both names",
     "Content-Type: image/bmp; name=a.bmp\r\nContent-Disposition: inline; filename=\"a.BMP\"; size=18\r\n",
     "Content-Type: image/png; name=a.png\r\nContent-Disposition: inline; filename=\"a.png\"; size=2\r\n"},
    {"disposition first",
     "Content-Disposition: attachment; size=18; filename=p.x.tga\r\nContent-Type: image/x-tga\r\n",
     "Content-Disposition: attachment; size=2; filename=p.x.png\r\nContent-Type: image/png\r\n"},
    {"shorter extension", "Content-Type: image/x-rgb; name=a.bw\r\n",
     "Content-Type: image/png; name=a.png\r\n"},
    {"RFC 2231", "Content-Type: image/bmp\r\nContent-Disposition: inline; filename*=UTF-8''b%C3%BCro.bmp\r\n",
     "Content-Type: image/png\r\nContent-Disposition: inline; filename*=UTF-8''b%C3%BCro.png\r\n"},
    {"RFC 2047 Q", "Content-Type: image/bmp; name=\"=?utf-8?Q?b=C3=BCro.bmp?=\"\r\n",
     "Content-Type: image/png; name=\"=?utf-8?Q?b=C3=BCro.png?=\"\r\n"},
    {"RFC 2047 B", "Content-Type: image/bmp; name=\"=?utf-8?B?YsO8cm8uYm1w?=\"\r\n", ""},
    {"RFC 2047 Q, dot encoded", "Content-Type: image/bmp; name=\"=?utf-8?Q?b=2Ebmp?=\"\r\n", ""},
    {"RFC 2047 and text", "Content-Type: image/bmp; name=\"=?utf-8?B?YsO8?= x.bmp\"\r\n", ""},
    {"RFC 2231 in pieces",
     "Content-Type: image/bmp\r\nContent-Disposition: inline; filename*0=a; filename*1=.bmp\r\n", ""},
    {"RFC 2231, first piece", "Content-Type: image/bmp\r\nContent-Disposition: inline; filename*0=a.bmp\r\n",
     ""},
    {"RFC 2231, odd charset",
     "Content-Type: image/bmp\r\nContent-Disposition: inline; filename*=utf-16''a.bmp\r\n", ""},
    {"RFC 2231, no charset", "Content-Type: image/bmp\r\nContent-Disposition: inline; filename*=a.bmp\r\n",
     ""},
    {"escape", "Content-Type: image/bmp; name=\"a\\\".bmp\"\r\n", ""},
    {"no type", "Content-Disposition: inline; filename=a.bmp\r\n", ""},
    {"comment before the type", "Content-Type: (x) image/bmp\r\n", ""},
    {"comment after the type", "Content-Type: image/bmp(x)\r\n", ""},
    {"no extension", "Content-Type: image/bmp; name=picture\r\n", ""},
    {"other extension", "Content-Type: image/bmp; name=report.2024\r\n", ""},
    {"nothing but an extension", "Content-Type: image/bmp; name=.bmp\r\n", ""},
    {"names that differ",
     "Content-Type: image/bmp; name=a.bmp\r\nContent-Disposition: inline; filename=b.doc\r\n", ""},
};

void headers_are_edited_in_place() {
    for (const Row& row : kRows) {
        const Mail mail(row.before);
        const std::string result = spliced(mail, true);
        if (row.after.empty()) {
            CHECK(!edits_to_png(mail.body(), mail.index.parts[2]), row.name);
            CHECK(result.starts_with("unsupported"), std::string(row.name) + ": " + result);
            continue;
        }
        std::string want(as_text(Mail(row.after).body()));
        want.replace(want.find(kContent), kContent.size(), "QUI=");
        CHECK_EQ(result, want, row.name);
    }
}

void headers_stay_without_conversion() {
    const std::string result = spliced(Mail("Content-Type: image/bmp; name=a.bmp\r\n"), false);
    CHECK(result.find("Content-Type: image/bmp; name=a.bmp\r\n") != std::string::npos, result);
}

void the_top_part_stays() {
    const std::string text =
        "MIME-Version: 1.0\r\nContent-Type: image/bmp\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
        std::string(kContent) + "\r\n";
    const auto split = split_message(as_bytes(text));
    const ByteView body = slice(as_bytes(text), split->body);
    const auto index = index_message(split->fields, body);
    CHECK(!edits_to_png(body, index->parts[0]));
    CHECK(!splice(split->fields, body, *index, {{0, "QUI=\r\n", 2, true}}));
    CHECK(splice(split->fields, body, *index, {{0, "QUI=\r\n", 2, false}}).has_value());
}

void names() {
    CHECK_EQ(png_name("a.bmp"), "a.png");
    CHECK_EQ(png_name("b\xC3\xBC.x.TGA"), "b\xC3\xBC.x.png");
    for (const char* name : {"", "bmp", ".bmp", "a.", "a.doc", "a.bmp.zip"})
        CHECK_EQ(png_name(name), "", name);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(headers_are_edited_in_place), TEST(headers_stay_without_conversion),
                                TEST(the_top_part_stays), TEST(names)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
