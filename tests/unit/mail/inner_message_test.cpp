// SPDX-License-Identifier: Apache-2.0
//
// Attached messages in the index, and parts inside them replaced.
#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/mime_index.hpp"
#include "mail/mime_splice.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {
namespace {

const std::string kPicture =
    "--i\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\nQUJDQUJDQUJDQUJDQUJDQUJD\r\n";
const std::string kInnerFields =
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=i\r\nSubject: inner\r\n";

std::string inner(const std::string& fields,
                  const std::string& rest = "\r\n--i\r\n\r\ntext\r\n" + kPicture + "--i--\r\n") {
    return fields + rest;
}

// node: fields of the part that holds the message.
std::string mail_with(const std::string& message,
                      const std::string& node = "Content-Type: message/rfc822\r\n") {
    return "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
           "boundary=o\r\n\r\n--o\r\n\r\nhello\r\n--o\r\n" +
           node + "\r\n" + message +
           "\r\n--o\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lG\r\n--o--\r\n";
}

MimeLimits limits(bool inner_messages = true) {
    MimeLimits all;
    all.inner_messages = inner_messages;
    return all;
}

struct Mail {
    std::string text;
    MessageText split;
    Result<MimeIndex> index;

    explicit Mail(const std::string& from, const MimeLimits& bounds = limits())
        : text(from),
          split(*split_message(as_bytes(text))),
          index(index_message(split.fields, body(), bounds)) {}
    ByteView body() const { return slice(as_bytes(text), split.body); }
    std::string types() const {
        if (!index) return index.error().text;
        std::string all;
        for (const Part& part : index->parts) all += std::to_string(part.depth) + part.type + " ";
        return all;
    }
    std::string body_of(std::size_t part) const {
        return std::string(as_text(slice(body(), index->parts[part].body)));
    }
};

void parts_of_messages_are_indexed() {
    const Mail mail(mail_with(inner(kInnerFields)));
    CHECK_EQ(
        mail.types(),
        "0multipart/mixed 1text/plain 1message/rfc822 2multipart/mixed 3text/plain 3image/png 1image/gif ");
    const auto& parts = mail.index->parts;
    CHECK(parts[2].multipart);
    CHECK_EQ(parts[3].parent, 2u);
    CHECK_EQ(parts[5].parent, 3u);
    CHECK_EQ(mail.body_of(2), inner(kInnerFields));
    CHECK_EQ(mail.body_of(3).substr(0, 4), "--i\r");
    CHECK_EQ(parts[2].body.end, parts[3].body.end);
    CHECK_EQ(mail.body_of(5), "QUJDQUJDQUJDQUJDQUJDQUJD");
    CHECK_EQ(untouchable_part(*mail.index, parts[5]), "");
    const Mail off(mail_with(inner(kInnerFields)), limits(false));
    CHECK_EQ(off.types(), "0multipart/mixed 1text/plain 1message/rfc822 1image/gif ");
    CHECK_EQ(off.body_of(2), mail.body_of(2));
}

void a_single_part_message_is_indexed() {
    const std::string message =
        "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n";
    const Mail mail(mail_with(message));
    CHECK_EQ(mail.types(), "0multipart/mixed 1text/plain 1message/rfc822 2image/png 1image/gif ");
    CHECK_EQ(mail.body_of(3), "QUJD\r\n");
    const Mail nested(
        mail_with("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
                  "Content-Type: message/rfc822\r\n\r\n" +
                  inner(kInnerFields) + "\r\n--m--\r\n"));
    CHECK_EQ(nested.types(),
             "0multipart/mixed 1text/plain 1message/rfc822 2multipart/mixed 3message/rfc822 4multipart/mixed "
             "5text/plain 5image/png 1image/gif ");
}

struct Opaque {
    const char* name;
    std::string message;
};

void what_must_not_change_is_one_leaf() {
    const Opaque rows[] = {
        {"DKIM", inner("DKIM-Signature: v=1\r\n" + kInnerFields)},
        {"ARC", inner("ARC-Seal: i=1\r\n" + kInnerFields)},
        {"signed", inner("MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=i\r\n")},
        {"encrypted", inner("MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime\r\n", "\r\nx\r\n")},
        {"no MIME", inner("Content-Type: multipart/mixed; boundary=i\r\n")},
        {"text", inner("MIME-Version: 1.0\r\n", "\r\nx\r\n")},
        {"report", inner("MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=i\r\n")},
        {"already processed", inner("X-Optimilter: 1\r\n" + kInnerFields)},
        {"digest told", inner("Content-MD5: x\r\n" + kInnerFields)},
        {"type twice", inner(kInnerFields + "Content-Type: text/plain\r\n")},
        {"broken header", "no field\r\n\r\nbody\r\n"},
        {"no body", "Subject: x\r\n"},
        {"empty", ""},
    };
    for (const Opaque& row : rows) {
        const Mail mail(mail_with(row.message));
        CHECK_EQ(mail.types(), "0multipart/mixed 1text/plain 1message/rfc822 1image/gif ", row.name);
        CHECK_EQ(untouchable_part(*mail.index, mail.index->parts[2]), "an embedded message is never changed",
                 row.name);
    }
}

void sizes_told_above_hold() {
    for (const char* field :
         {"Content-MD5: x\r\n", "Content-Disposition: attachment; size=400\r\n", "Content-Length: 9\r\n"}) {
        const Mail mail(
            mail_with(inner(kInnerFields), std::string("Content-Type: message/rfc822\r\n") + field));
        CHECK(!untouchable_part(*mail.index, mail.index->parts[5]).empty(), field);
        CHECK(untouchable_part(*mail.index, mail.index->parts[6]).empty(), field);
    }
}

void nesting_is_bounded() {
    std::string message = inner(kInnerFields);
    for (int i = 0; i < 60; ++i) {
        message = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x" + std::to_string(100 + i) +
                  "\r\n\r\n--x" + std::to_string(100 + i) + "\r\nContent-Type: message/rfc822\r\n\r\n" +
                  message + "\r\n--x" + std::to_string(100 + i) + "--\r\n";
    }
    const Mail mail(mail_with(message));
    if (mail.index) {
        for (const Part& part : mail.index->parts) CHECK(part.depth <= limits().max_depth + 2);
    }
    MimeLimits few = limits();
    few.max_parts = 5;
    CHECK(!Mail(mail_with(inner(kInnerFields)), few).index);
}

void broken_structure_refuses_the_whole() {
    CHECK(!Mail(mail_with(inner(kInnerFields, "\r\n--i\r\n\r\ntext\r\n"))).index);
    CHECK(
        !Mail(mail_with(inner("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n"))).index);
}

void parts_inside_are_replaced() {
    const std::string text = mail_with(inner(kInnerFields));
    const Mail mail(text);
    const auto file = splice(mail.split.fields, mail.body(), *mail.index, {{5, "QUI=", 2}}, limits());
    CHECK(file.has_value());
    const auto mapping = Mapping::of(file->fd(), file->size());
    std::string want(as_text(mail.body()));
    want.replace(want.find("QUJDQUJDQUJDQUJDQUJDQUJD"), 24, "QUI=");
    CHECK_EQ(as_text(mapping->bytes()), std::string_view(want));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(parts_of_messages_are_indexed),
                                TEST(a_single_part_message_is_indexed),
                                TEST(what_must_not_change_is_one_leaf),
                                TEST(sizes_told_above_hold),
                                TEST(nesting_is_bounded),
                                TEST(broken_structure_refuses_the_whole),
                                TEST(parts_inside_are_replaced)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
