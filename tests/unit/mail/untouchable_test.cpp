// SPDX-License-Identifier: Apache-2.0
#include "mail/untouchable.hpp"

#include <memory>
#include <string>

#include "base/text.hpp"
#include "check.hpp"
#include "mail/message_text.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

constexpr std::string_view kMixed = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n";

std::string_view headers_of(std::string_view header, bool null_sender = false, bool skip_dkim = true) {
    static std::string text;
    text = std::string(header) + "\n";
    const auto split = split_message(as_bytes(text));
    if (!split) return "not split";
    return untouchable_headers(split->fields, null_sender, {skip_dkim});
}

void test_headers() {
    struct Case {
        std::string_view name, header, want;  // want: a part of the reason; empty: go on
    };
    constexpr std::string_view kVersion = "MIME-Version: 1.0\n";
    constexpr Case kCases[] = {
        {"signed", "Content-Type: multipart/signed; boundary=b\n", "signed"},
        {"signed, other case", "Content-Type: Multipart/SIGNED; boundary=b\n", "signed"},
        {"encrypted", "Content-Type: multipart/encrypted; boundary=b\n", "encrypted"},
        {"pkcs7", "Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n", "S/MIME"},
        {"x-pkcs7", "Content-Type: application/x-pkcs7-mime\nContent-Transfer-Encoding: base64\n", "S/MIME"},
        {"pgp", "Content-Type: application/pgp-encrypted\n", "PGP"},
        {"dkim", "Content-Type: image/png\nDKIM-Signature: v=1\n", "DKIM"},
        {"domainkeys", "Content-Type: image/png\nDomainKey-Signature: v=1\n", "DomainKeys"},
        {"arc seal", "Content-Type: image/png\nARC-Seal: i=1\n", "ARC"},
        {"arc signature", "Content-Type: image/png\narc-message-signature: i=1\n", "ARC"},
        {"arc results", "Content-Type: image/png\nARC-Authentication-Results: i=1\n", "ARC"},
        {"partial", "Content-Type: message/partial; id=x; number=1\n", "fragment"},
        {"report", "Content-Type: multipart/report; boundary=b\n", "a report"},
        {"delivery status", "Content-Type: message/delivery-status\n", "a report"},
        {"disposition", "Content-Type: message/disposition-notification\n", "a report"},
        {"feedback", "Content-Type: message/feedback-report\n", "a report"},
        {"processed", "Content-Type: image/png\nX-Optimilter: x\n", "already processed"},
        {"digest", "Content-Type: image/png\nContent-MD5: x\n", "size or digest"},
        {"length", "Content-Type: image/png\nContent-Length: 1\n", "size or digest"},
        {"two types", "Content-Type: image/png\nContent-Type: image/png\n", "duplicate"},
        {"two versions", "MIME-Version: 1.0\n", "malformed"},
        {"two encodings", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: 7bit\n", "duplicate"},
        {"broken type", "Content-Type: image\n", "malformed"},
        {"broken boundary", "Content-Type: multipart/mixed\n", "malformed"},
        {"plain text", "Content-Type: text/plain\n", "nothing"},
        {"no type", "Subject: x\n", "nothing"},
        {"base64 text", "Content-Type: text/html\nContent-Transfer-Encoding: base64\n", "nothing"},
        {"qp image", "Content-Type: image/png\nContent-Transfer-Encoding: quoted-printable\n", "nothing"},
        {"embedded message", "Content-Type: message/rfc822\n", "nothing"},
        {"image", "Content-Type: image/png\nContent-Transfer-Encoding: base64\n", ""},
        {"mixed", "Content-Type: multipart/mixed; boundary=b\n", ""},
        {"list mail", "List-Id: <x>\nContent-Type: multipart/mixed; boundary=b\n", ""},
    };
    for (const Case& c : kCases) {
        const std::string_view got = headers_of(std::string(kVersion) + std::string(c.header));
        CHECK_EQ(got.empty(), c.want.empty(), c.name);
        CHECK(icontains(got, c.want), c.name);
    }
    CHECK_EQ(headers_of("Content-Type: multipart/mixed; boundary=b\n"), "no MIME");
    CHECK_EQ(headers_of("MIME-Version: 2.0\n"), "no MIME");
}

void test_sender_and_options() {
    const std::string report = "MIME-Version: 1.0\nContent-Type: multipart/report; boundary=b\n";
    CHECK_EQ(headers_of(report, true), "a bounce");
    CHECK_EQ(headers_of(report, false), "a report");
    const std::string mixed(kMixed);
    CHECK_EQ(headers_of(mixed, true), "");
    CHECK_EQ(headers_of(mixed + "X-Failed-Recipients: x\n", true), "a bounce");
    CHECK_EQ(headers_of(mixed + "X-Failed-Recipients: x\n", false), "");
    CHECK_EQ(headers_of(mixed + "Auto-Submitted: auto-replied\n", true), "a bounce");
    CHECK_EQ(headers_of(mixed + "Auto-Submitted: No\n", true), "");
    CHECK_EQ(headers_of(mixed + "DKIM-Signature: x\n", false, false), "");
    CHECK_EQ(headers_of(mixed + "ARC-Seal: x\n", false, false), "");
    // What is signed inside stays so whatever the option says.
    CHECK_EQ(headers_of("MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b\n", false, false),
             "signed (multipart/signed)");
}

struct Indexed {
    std::string text;
    MessageText split;
    MimeIndex index;
    ByteView body() const { return slice(as_bytes(text), split.body); }
};

// parts: bodies with their headers, without delimiters.
std::unique_ptr<Indexed> indexed(std::initializer_list<std::string_view> parts) {
    auto mail = std::make_unique<Indexed>();
    mail->text = std::string(kMixed) + "\n";
    for (const std::string_view part : parts) mail->text += "--b\n" + std::string(part) + "\n";
    mail->text += "--b--\n";
    mail->split = *split_message(as_bytes(mail->text));
    mail->index = *index_message(mail->split.fields, mail->body());
    return mail;
}

void test_message() {
    struct Case {
        std::string_view name, part, want;
    };
    constexpr Case kCases[] = {
        {"inner signed", "Content-Type: multipart/signed; boundary=c\n\n--c\n\nx\n--c--", "signed"},
        {"deep signed",
         "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: multipart/signed; boundary=d\n\n"
         "--d\n\nx\n--d--\n--c--",
         "signed"},
        {"inner encrypted", "Content-Type: multipart/encrypted; boundary=c\n\n--c\n\nx\n--c--", "encrypted"},
        {"attached S/MIME", "Content-Type: application/pkcs7-mime\n\nx", "S/MIME"},
        {"detached S/MIME", "Content-Type: application/x-pkcs7-signature\n\nx", "S/MIME"},
        {"detached PGP", "Content-Type: application/pgp-signature\n\nx", "PGP"},
        {"signature by name", "Content-Type: application/octet-stream; name=\"a.zip.SIG\"\n\nx",
         "attachment"},
        {"armoured by name", "Content-Disposition: attachment; filename=a.asc\n\nx", "attachment"},
        {"inline PGP", "\nhello\n-----BEGIN PGP SIGNED MESSAGE-----\nx", "inline PGP"},
        {"inline PGP in html", "Content-Type: text/html\n\n<p>-----BEGIN PGP MESSAGE-----", "inline PGP"},
        {"inline PGP in qp", "Content-Transfer-Encoding: quoted-printable\n\n=2D----BEGIN=20PGP MESSAGE-----",
         "inline PGP"},
        {"inline PGP in base64",
         "Content-Transfer-Encoding: base64\n\nLS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0t\n", "inline PGP"},
        {"inline PGP in unclean base64",
         "Content-Transfer-Encoding: base64\n\nLS0tLS1CRUdJTiBQ R1AgTUVTU0FHRS0tLS0t\n", "inline PGP"},
        {"a public key", "Content-Type: application/pgp-keys; name=key.asc\n\nx", ""},
        {"armour within a document", "Content-Type: application/pdf\n\n-----BEGIN PGP MESSAGE-----", ""},
        {"uuencode", "\nbegin 644 a.jpg\nx\nend", ""},
        {"certificate", "\n-----BEGIN CERTIFICATE-----", ""},
        {"report inside", "Content-Type: multipart/report; boundary=c\n\n--c\n\nx\n--c--", ""},
        {"plain", "\nhello", ""},
    };
    for (const Case& c : kCases) {
        const auto mail = indexed({"\nfirst", c.part});
        const std::string_view got = untouchable_message(mail->index, mail->body());
        CHECK_EQ(got.empty(), c.want.empty(), c.name);
        CHECK(icontains(got, c.want), c.name);
    }
}

// An armour line that is cut by the pieces in which base64 text is decoded.
void test_message_finds_pgp_between_pieces() {
    for (std::size_t before = 64 * 1024 - 800; before < 64 * 1024 + 10; before += 7) {
        const std::string text = std::string(before, 'x') + "-----BEGIN PGP MESSAGE-----";
        const std::string part = "Content-Transfer-Encoding: base64\n\n" +
                                 encode_base64(as_bytes(text), Base64Layout{.crlf = false}, {});
        const auto mail = indexed({part});
        CHECK_EQ(untouchable_message(mail->index, mail->body()), "inline PGP");
    }
}

void test_part() {
    struct Case {
        std::string_view name, header, want;
    };
    constexpr Case kCases[] = {
        {"text", "Content-Type: text/csv", "text"},
        {"calendar", "Content-Type: text/calendar", "text"},
        {"no type", "A: b", "text"},
        {"tnef", "Content-Type: application/ms-tnef", "TNEF"},
        {"vnd tnef", "Content-Type: application/vnd.ms-tnef", "TNEF"},
        {"key", "Content-Type: application/pgp-keys", "PGP"},
        {"pkcs7", "Content-Type: application/pkcs7-signature", "S/MIME"},
        {"applefile", "Content-Type: application/applefile", "AppleDouble"},
        {"md5", "Content-Type: image/png\nContent-MD5: x", "digest"},
        {"length", "Content-Type: image/png\nContent-Length: 1", "digest"},
        {"digest", "Content-Type: image/png\nDigest: x", "digest"},
        {"size that is no number", "Content-Type: image/png\nContent-Disposition: x; size=1k", "size="},
        {"extended size", "Content-Type: image/png\nContent-Disposition: x; size*=''1", "size="},
        {"size", "Content-Type: image/png\nContent-Disposition: x; size=1", ""},
        {"related picture", "Content-Type: image/png\nContent-ID: <x>", ""},
        {"unknown type", "Content-Type: application/octet-stream", ""},
    };
    for (const Case& c : kCases) {
        const std::string part = std::string(c.header) + "\nContent-Transfer-Encoding: base64\n\nQUJD";
        const auto mail = indexed({part});
        const std::string_view got = untouchable_part(mail->index, mail->index.parts.at(1));
        CHECK_EQ(got.empty(), c.want.empty(), c.name);
        CHECK(icontains(got, c.want), c.name);
    }
    const auto message = indexed({"Content-Type: message/rfc822\n\nA: b\n"});
    CHECK(!untouchable_part(message->index, message->index.parts.at(1)).empty());
    CHECK_EQ(untouchable_part(message->index, message->index.parts.at(0)), "a multipart");
}

void test_part_encodings() {
    struct Case {
        std::string_view name, encoding, want;
    };
    constexpr Case kCases[] = {
        {"qp", "quoted-printable", "quoted-printable is read only"},
        {"7bit", "7bit", "not encoded: read only"},
        {"binary", "binary", "not encoded: read only"},
        {"unknown", "x-uuencode", "an unknown transfer encoding"},
        {"base64", "base64", ""},
    };
    for (const Case& c : kCases) {
        const auto mail = indexed(
            {"Content-Type: image/png\nContent-Transfer-Encoding: " + std::string(c.encoding) + "\n\nQUJD"});
        CHECK_EQ(untouchable_part(mail->index, mail->index.parts.at(1)), c.want, c.name);
    }
}

void test_part_subtrees() {
    struct Case {
        std::string_view type, want;
    };
    constexpr Case kCases[] = {
        {"multipart/report", "part of a report"},
        {"multipart/appledouble", "part of an AppleDouble file"},
        {"multipart/form-data", "part of a form"},
        {"multipart/related", ""},
        {"multipart/alternative", ""},
        {"multipart/x-unknown", ""},
    };
    for (const Case& c : kCases) {
        const auto mail =
            indexed({"Content-Type: " + std::string(c.type) +
                     "; boundary=c\n\n--c\nContent-Type: multipart/mixed; boundary=d\n\n--d\n"
                     "Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nQUJD\n--d--\n--c--"});
        CHECK_EQ(untouchable_part(mail->index, mail->index.parts.at(3)), c.want, c.type);
    }
}

// The message itself as the part: its size= stands in the message's own header, which we do not edit.
void test_root_part() {
    const auto root = [](std::string_view disposition) {
        static std::string text;
        text =
            "MIME-Version: 1.0\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n"
            "Content-Disposition: attachment" +
            std::string(disposition) + "\n\nQUJD\n";
        const auto split = split_message(as_bytes(text));
        const auto index = index_message(split->fields, slice(as_bytes(text), split->body));
        return untouchable_part(*index, index->parts.at(0));
    };
    CHECK_EQ(root(""), "");
    CHECK_EQ(root("; size=3"), "a size= that cannot be corrected");
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_headers),       TEST(test_sender_and_options),
                                TEST(test_message),       TEST(test_message_finds_pgp_between_pieces),
                                TEST(test_part),          TEST(test_part_encodings),
                                TEST(test_part_subtrees), TEST(test_root_part)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
