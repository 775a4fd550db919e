// SPDX-License-Identifier: Apache-2.0
#include "console/admin_mail.hpp"

#include <fmt/format.h>
#include <mimetic/mimetic.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <iterator>
#include <sstream>

#include "base/text.hpp"
#include "base/version.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLineShown = 500;
constexpr std::size_t kWordsShown = 120;

// Names of hosts and addresses have passed a check; whatever else comes is held to what a field may hold.
std::string ascii(std::string_view text, std::size_t limit) {
    std::string safe = printable(text, limit);
    for (char& c : safe)
        if (static_cast<unsigned char>(c) > 0x7E) c = '?';
    return safe;
}

std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : ", ") + word;
    return line;
}

// "45 min", "4 h".
std::string span(std::int64_t seconds) {
    return seconds < 5400 ? fmt::format("{} min", (seconds + 59) / 60)
                          : fmt::format("{} h", (seconds + 1800) / 3600);
}

std::string body_text(const AdminMail& mail) {
    std::string text = fmt::format("optimilter-recover on {} looked around at {}.\n\n",
                                   ascii(mail.host, kWordsShown), mail_date(mail.now));
    CheckList cleaned = mail.checks;
    for (Check& check : cleaned) check.reason = printable(check.reason, kLineShown);
    text += check_table(cleaned);
    text += mail.deeds.empty() ? "\nNothing was changed.\n" : "\nWhat was done:\n";
    for (const std::string& deed : mail.deeds) text += "- " + printable(deed, kLineShown) + "\n";
    text +=
        "\nMail does not wait for any of this: what optimilter cannot look at passes unchanged.\n"
        "`optimilterctl selfcheck` shows the state of now.\n";
    if (mail.next_reminder > 0)
        text += fmt::format("While it lasts, the next reminder comes in {}.\n", span(mail.next_reminder));
    return text;
}

// A line at a time: across lines mimetic's encoder turns line ends into bytes, which no reader shows as
// lines.
std::string quoted_printable(const std::string& text) {
    std::istringstream lines(text);
    std::string encoded;
    for (std::string line; std::getline(lines, line); encoded += '\n') {
        mimetic::QP::Encoder encoder;
        mimetic::encode(line.begin(), line.end(), encoder, std::back_inserter(encoded));
    }
    return encoded;
}

// Every line end becomes CRLF.
std::string with_crlf(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\r') continue;
        if (c == '\n') out += '\r';
        out += c;
    }
    return out;
}

void add_field(mimetic::MimeEntity& entity, const std::string& name, const std::string& value) {
    entity.header().push_back(mimetic::Field(name, value));
}

}  // namespace

std::string mail_date(std::int64_t now) {
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t time = now;
    std::tm utc{};
    if (::gmtime_r(&time, &utc) == nullptr) return "Thu, 01 Jan 1970 00:00:00 +0000";
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
                       kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                       kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                       utc.tm_min, utc.tm_sec);
}

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
    const std::string host = to_lower(name);
    const bool plain = host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
    return host.empty() || host[0] == '-' || !plain ? "localhost" : host;
}

std::string build_admin_mail(const AdminMail& mail) {
    const std::string host = ascii(mail.host, kWordsShown);
    const std::string causes = ascii(joined(mail.causes), kWordsShown);
    mimetic::MimeEntity entity;
    add_field(entity, "Date", mail_date(mail.now));
    add_field(entity, "From", "optimilter <" + (mail.from.empty() ? "optimilter@" + host : mail.from) + ">");
    add_field(entity, "To", joined(mail.to));
    add_field(entity, "Subject", fmt::format("optimilter on {}: {}", host, causes));
    add_field(entity, "Message-ID", fmt::format("<{}.{}.recover@{}>", mail.now, ::getpid(), host));
    add_field(entity, "Auto-Submitted", "auto-generated");
    add_field(entity, "Precedence", "bulk");
    add_field(entity, "X-Auto-Response-Suppress", "All");
    add_field(entity, "X-Optimilter-Alert", causes);
    add_field(entity, std::string(kTraceHeader), fmt::format("alert; version={}", kVersion));
    add_field(entity, "MIME-Version", "1.0");
    add_field(entity, "Content-Type", "text/plain; charset=utf-8");
    add_field(entity, "Content-Transfer-Encoding", "quoted-printable");
    entity.body().assign(quoted_printable(body_text(mail)));
    std::ostringstream out;
    out << entity;
    return with_crlf(out.str());
}

}  // namespace optimilter
