// SPDX-License-Identifier: Apache-2.0
#include "console/admin_mail.hpp"

#include <fmt/format.h>
#include <mimetic/mimetic.h>
#include <unistd.h>

#include <iterator>
#include <sstream>

#include "base/text.hpp"
#include "base/version.hpp"
#include "mail/untouchable.hpp"

namespace optimilter {

namespace {

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

// Every line end becomes CRLF. mimetic folds fields with a tab, which readers show; a blank is what it was.
std::string with_crlf(const std::string& text) {
    std::string out;
    bool in_header = true;
    for (const char c : text) {
        if (c == '\r') continue;
        in_header = in_header && !(c == '\n' && out.ends_with('\n'));
        const bool folded = in_header && c == '\t' && out.ends_with('\n');
        if (c == '\n') out += '\r';
        out += folded ? ' ' : c;
    }
    return out;
}

void add_field(mimetic::MimeEntity& entity, const std::string& name, const std::string& value) {
    entity.header().push_back(mimetic::Field(name, value));
}

}  // namespace

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
    const std::string host = to_lower(name);
    const bool plain = host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
    return host.empty() || host[0] == '-' || !plain ? "localhost" : host;
}

std::string build_admin_mail(const NoticeLetter& letter, const std::string& from,
                             const std::vector<std::string>& to) {
    const std::string host = ascii(letter.host, kWordsShown);
    std::vector<std::string> keys;
    for (const Notice& notice : letter.notices) keys.push_back(notice.key);
    mimetic::MimeEntity entity;
    add_field(entity, "Date", mail_date(letter.now));
    add_field(entity, "From", "optimilter <" + (from.empty() ? "optimilter@" + host : from) + ">");
    add_field(entity, "To", joined(to));
    add_field(entity, "Subject",
              fmt::format("optimilter on {}: {}", host, ascii(notice_headline(letter.notices), kWordsShown)));
    add_field(entity, "Message-ID", fmt::format("<{}.{}.recover@{}>", letter.now, ::getpid(), host));
    add_field(entity, "Auto-Submitted", "auto-generated");
    add_field(entity, "Precedence", "bulk");
    add_field(entity, "X-Auto-Response-Suppress", "All");
    add_field(entity, "X-Optimilter-Alert", ascii(joined(keys), kWordsShown));
    add_field(entity, std::string(kTraceHeader), fmt::format("alert; version={}", kVersion));
    add_field(entity, "MIME-Version", "1.0");
    add_field(entity, "Content-Type", "text/plain; charset=utf-8");
    add_field(entity, "Content-Transfer-Encoding", "quoted-printable");
    entity.body().assign(quoted_printable(notice_text(letter)));
    std::ostringstream out;
    out << entity;
    return with_crlf(out.str());
}

}  // namespace optimilter
