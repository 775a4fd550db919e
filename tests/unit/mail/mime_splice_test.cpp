// SPDX-License-Identifier: Apache-2.0
#include "mail/mime_splice.hpp"

#include <string>

#include "base/text.hpp"
#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kMail =
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\npre\n--b\n\ntext\n"
    "--b\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n"
    "Content-Disposition: attachment; size=1234; filename=a.png\n\nQUJDQUJDQUJD\nQUJDQUJDQUJD\n\n"
    "--b\nContent-Type: image/gif\nContent-Transfer-Encoding: base64\n\nQUJDQUJDQUJDQUJDQUJDQUJD\n"
    "--b--\nepi\n";

struct Mail {
    std::string text;
    MessageText split;
    MimeIndex index;

    explicit Mail(std::string_view from) : text(from) {
        split = *split_message(as_bytes(text));
        index = *index_message(split.fields, body());
    }
    ByteView body() const { return slice(as_bytes(text), split.body); }
};

std::string spliced(const Mail& mail, std::vector<PartReplacement> replacements) {
    const auto file = splice(mail.split.fields, mail.body(), mail.index, std::move(replacements));
    if (!file) return std::string(error_code_name(file.error().code)) + ": " + file.error().text;
    const auto mapping = Mapping::of(file->fd(), file->size());
    return std::string(as_text(mapping->bytes()));
}

std::string body_with(std::string_view first, std::string_view size, std::string_view second) {
    std::string text(kMail.substr(kMail.find("pre")));
    const auto put = [&](std::string_view old, std::string_view now) {
        text.replace(text.find(old), old.size(), now);
    };
    put("QUJDQUJDQUJD\nQUJDQUJDQUJD\n", first);
    put("1234", size);
    put("QUJDQUJDQUJDQUJDQUJDQUJD", second);
    return text;
}

void test_replaces() {
    const Mail mail(kMail);
    CHECK_EQ(spliced(mail, {{2, "QQ==\n", 1}}), body_with("QQ==\n", "1", "QUJDQUJDQUJDQUJDQUJDQUJD"));
    CHECK_EQ(spliced(mail, {{3, "QUI=", 2}}), body_with("QUJDQUJDQUJD\nQUJDQUJDQUJD\n", "1234", "QUI="));
    CHECK_EQ(spliced(mail, {{3, "QUI=", 2}, {2, "QUJDQUJDQUJD\nQUJD", 12}}),
             body_with("QUJDQUJDQUJD\nQUJD", "12", "QUI="));
}

// size= may grow by a digit as long as the whole gets smaller.
void test_size_grows() {
    std::string text(kMail);
    text.replace(text.find("size=1234"), 9, "size=\"1\"");
    const Mail mail(text);
    const std::string out = spliced(mail, {{2, "QUJDQUJDQUJD\nQUJD", 12}});
    CHECK(out.find("size=\"12\"; filename=a.png") != out.npos);
}

void test_too_late() {
    const Mail mail(kMail);
    const auto late =
        splice(mail.split.fields, mail.body(), mail.index, {{2, "QQ==\n", 1}}, {}, Deadline::in_ms(-1));
    CHECK(!late.has_value());
    CHECK_EQ(late.error().code, ErrorCode::kDeadline);
    CHECK(splice(mail.split.fields, mail.body(), mail.index, {{2, "QQ==\n", 1}}, {}, Deadline()).has_value());
}

void test_single_part() {
    const Mail mail(
        "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "QUJDQUJD\r\nQUJDQUJD\r\n");
    CHECK_EQ(spliced(mail, {{0, "QUJD\r\n", 3}}), "QUJD\r\n");
}

void test_refuses() {
    const Mail mail(kMail);
    struct Case {
        std::string_view name;
        std::vector<PartReplacement> replacements;
        std::string_view want;
    };
    const std::string same = "QUJDQUJDQUJD\nQUJDQUJDQUJD\n";
    const Case cases[] = {
        {"nothing", {}, "limit"},
        {"not smaller", {{3, "QUJDQUJDQUJDQUJDQUJDQUJD", 18}}, "limit"},
        {"larger", {{3, "QUJDQUJDQUJDQUJDQUJDQUJD\nQUJD", 21}}, "limit"},
        {"no such part", {{4, "QQ==", 1}}, "not there"},
        {"far off part", {{0xFFFFFFFF, "QQ==", 1}}, "not there"},
        {"a multipart", {{0, "QQ==", 1}}, "no base64 leaf"},
        {"a text", {{1, "QQ==", 1}}, "no base64 leaf"},
        {"one part twice", {{2, "QQ==", 1}, {2, "QQ==", 1}}, "two replacements"},
        {"no base64", {{2, "hello!", 1}}, "not clean base64"},
        {"a boundary", {{2, "QQ==\n--b\n", 1}}, "not clean base64"},
        {"a closing boundary", {{2, "--b--", 1}}, "not clean base64"},
        {"a header", {{2, "QQ==\n\nContent-Type: x\n", 1}}, "not clean base64"},
        {"empty", {{2, "", 0}}, "not clean base64"},
        {"wrong size", {{2, "QQ==", 2}}, "wrong size"},
        {"other line ends", {{2, "QUJD\r\nQUJD", 6}}, "other line ends"},
        {"one good, one bad", {{2, "QQ==\n", 1}, {3, "x", 1}}, "not clean base64"},
    };
    for (const Case& c : cases) {
        const std::string got = spliced(mail, c.replacements);
        CHECK(icontains(got, c.want), c.name);
        CHECK(got.starts_with(c.want == "limit" ? "limit: " : "internal: "), c.name);
    }
}

void test_refuses_unclean_old_body() {
    std::string text(kMail);
    text.replace(text.find("QUJDQUJDQUJD\n"), 13, "QUJD QUJDQUJD\n");
    CHECK(icontains(spliced(Mail(text), {{2, "QQ==\n", 1}}), "is not clean"));
}

// An index that does not belong to the body must be found out, not written.
void test_refuses_foreign_index() {
    Mail mail(kMail);
    mail.index.parts[2].body.begin += 4;
    CHECK(
        icontains(spliced(mail, {{2, "QQ==\n", 1}}), "internal: a part of the new body is not where it was"));
    Mail other(kMail);
    other.index.parts.pop_back();
    CHECK(icontains(spliced(other, {{2, "QQ==\n", 1}}), "internal: the new body has other parts"));
    Mail overlapping(kMail);
    overlapping.index.parts[2].size_value = overlapping.index.parts[2].body;
    CHECK(icontains(spliced(overlapping, {{2, "QQ==\n", 1}}), "internal: replacements that overlap"));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_replaces),
                                TEST(test_size_grows),
                                TEST(test_too_late),
                                TEST(test_single_part),
                                TEST(test_refuses),
                                TEST(test_refuses_unclean_old_body),
                                TEST(test_refuses_foreign_index)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
