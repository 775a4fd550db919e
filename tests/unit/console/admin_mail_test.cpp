// SPDX-License-Identifier: Apache-2.0
#include "console/admin_mail.hpp"

#include <mimetic/mimetic.h>

#include <memory>

#include "check.hpp"
#include "console/send_mail.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {
namespace {

NoticeLetter plain_letter() {
    NoticeLetter letter;
    letter.host = "mx.example.org";
    letter.now = 1700000000;
    letter.next_reminder = 3600;
    letter.checks = {{"settings", CheckState::kOk, "no problems"}, {"engine", CheckState::kFail, "gone"}};
    letter.notices = {
        {NoticePhase::kNew, "engine", "engine", "gone", "", 1699999000, 0, 1},
        {NoticePhase::kNew, "optimilter-engine.service", "units", "it failed", "", 1699999000, 0, 1}};
    letter.deeds = {"start optimilter-engine.service, which has failed: done"};
    return letter;
}

std::string built(const NoticeLetter& letter, const std::string& from = {}) {
    return build_admin_mail(letter, from, {"root", "postmaster@example.org"});
}

std::string field(const mimetic::MimeEntity& entity, const std::string& name) {
    for (const mimetic::Field& each : entity.header())
        if (each.name() == name) return each.value();
    return "(none)";
}

std::string decoded_body(const mimetic::MimeEntity& entity) {
    std::string text;
    mimetic::QP::Decoder decoder;
    mimetic::decode(entity.body().begin(), entity.body().end(), decoder, std::back_inserter(text));
    std::erase(text, '\r');
    return text;
}

mimetic::MimeEntity* parsed(const std::string& mail) {
    return new mimetic::MimeEntity(mail.begin(), mail.end());
}

void test_fields() {
    const std::unique_ptr<mimetic::MimeEntity> mail(parsed(built(plain_letter())));
    CHECK_EQ(field(*mail, "Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
    CHECK_EQ(field(*mail, "From"), "optimilter <optimilter@mx.example.org>");
    CHECK_EQ(field(*mail, "To"), "root, postmaster@example.org");
    CHECK_EQ(field(*mail, "Subject"),
             "optimilter on mx.example.org: the engine does not work as it should (and 1 more)");
    CHECK_EQ(field(*mail, "Auto-Submitted"), "auto-generated");
    CHECK_EQ(field(*mail, "Precedence"), "bulk");
    CHECK_EQ(field(*mail, "X-Optimilter-Alert"), "engine, optimilter-engine.service");
    CHECK(field(*mail, std::string(kTraceHeader)).starts_with("alert; version="));
    CHECK(field(*mail, "Message-ID").ends_with(".recover@mx.example.org>"));
    // mimetic puts the quotes in when it reads.
    CHECK_EQ(field(*mail, "Content-Type"), "text/plain; charset=\"utf-8\"");
    const std::string body = decoded_body(*mail);
    CHECK(body.find("\nfail  engine     gone\n") != std::string::npos);
    CHECK(body.find("- start optimilter-engine.service, which has failed: done") != std::string::npos);
    CHECK(body.find("the next reminder comes in 60 min") != std::string::npos);
}

void test_sender_of_the_settings() {
    const std::unique_ptr<mimetic::MimeEntity> entity(parsed(built(plain_letter(), "filter@example.net")));
    CHECK_EQ(field(*entity, "From"), "optimilter <filter@example.net>");
}

// Whatever a reason quotes, the mail stays one of ASCII lines within RFC 5322's limits and of our fields
// alone.
void test_hostile_text() {
    NoticeLetter mail = plain_letter();
    const std::string evil =
        "x\r\n\r\nBcc: all@example.org\r\n.\r\nQUIT\x1b[2J\xff\xfe\xe2\x80\xae" + std::string(5000, 'y');
    mail.host = evil;
    mail.notices = {{NoticePhase::kNew, evil, evil, evil, evil, 1, 0, 1},
                    {NoticePhase::kBrief, "Grüße", evil, evil, evil, 1, 2, 9}};
    mail.checks = {{"engine", CheckState::kFail, evil},
                   {"disk", CheckState::kFail, "Grüße aus /tmp/ü = 5 %"}};
    mail.deeds = {evil};
    const std::string text = built(mail);
    std::size_t line = 0;
    for (std::size_t end; (end = text.find("\r\n", line)) != std::string::npos; line = end + 2) {
        CHECK(end - line <= 998);
        for (std::size_t i = line; i < end; ++i)
            CHECK(text[i] == '\t' || (text[i] >= 0x20 && text[i] <= 0x7E), std::to_string(i));
    }
    CHECK_EQ(line, text.size());
    const std::unique_ptr<mimetic::MimeEntity> entity(parsed(text));
    CHECK_EQ(field(*entity, "Bcc"), "(none)");
    CHECK(decoded_body(*entity).find("Grüße aus /tmp/ü = 5 %") != std::string::npos);
}

// A subject that is folded reads as it was written.
void test_folding() {
    NoticeLetter letter = plain_letter();
    letter.host = "a-host-with-a-rather-long-name.example.org";
    const std::string text = built(letter);
    const std::string header = text.substr(0, text.find("\r\n\r\n"));
    CHECK(header.find('\t') == std::string::npos);
    std::string unfolded;
    for (const char c : header)
        if (c != '\r' && c != '\n') unfolded += c;
    CHECK(unfolded.find(
              "Subject: optimilter on a-host-with-a-rather-long-name.example.org: the engine does not "
              "work as it should (and 1 more)") != std::string::npos,
          header);
}

// Our own check of what may not be touched finds the trace field, so the milter leaves the mail alone.
void test_milter_leaves_it_alone() {
    const std::string text = built(plain_letter());
    CHECK(text.find("\r\n" + std::string(kTraceHeader) + ": ") != std::string::npos);
    HeaderFields fields;
    fields.push_back({kTraceHeader, " alert"});
    CHECK(!untouchable_headers(fields, false, {}).empty());
}

void test_dates() {
    CHECK_EQ(mail_date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
    CHECK_EQ(mail_date(951782400), "Tue, 29 Feb 2000 00:00:00 +0000");
}

void test_host_name() {
    CHECK(!host_name().empty());
    CHECK(host_name().find_first_of(" <>@\r\n") == std::string::npos);
}

void test_smtp_data() {
    struct Case {
        std::string_view name, message, want;
    };
    constexpr Case kCases[] = {
        {"plain", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"},
        {"empty", "", ".\r\n"},
        {"dot at the start", ".a\r\n", "..a\r\n.\r\n"},
        {"a dot alone ends nothing", "a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
        {"two dots", "a\r\n..b\r\n", "a\r\n...b\r\n.\r\n"},
        {"dot within", "a.b\r\n", "a.b\r\n.\r\n"},
        {"no line end", "a", "a\r\n.\r\n"},
    };
    for (const Case& c : kCases) CHECK_EQ(smtp_data(std::string(c.message)), c.want, c.name);
}

void test_send_failures() {
    struct Case {
        std::string_view name, via;
        ErrorCode want;
    };
    constexpr Case kCases[] = {
        {"no such program", "/nonexistent/sendmail", ErrorCode::kIo},
        {"program that refuses", "/bin/false", ErrorCode::kRefused},
        {"nobody listens", "smtp:127.0.0.1:1", ErrorCode::kIo},
    };
    for (const Case& c : kCases) {
        const Status sent = send_mail(std::string(c.via), {"root"}, "a\r\n", 20'000);
        CHECK(!sent && sent.error().code == c.want, c.name);
    }
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_folding),      TEST(test_fields),    TEST(test_sender_of_the_settings),
        TEST(test_hostile_text), TEST(test_dates),     TEST(test_milter_leaves_it_alone),
        TEST(test_host_name),    TEST(test_smtp_data), TEST(test_send_failures),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
