// SPDX-License-Identifier: Apache-2.0
//
// The mail that optimilter-recover writes to the admin, as bytes with CRLF. Built by mimetic. Nothing may
// ever answer or loop it: it goes out under the null sender, says that a program wrote it, and bears our
// trace field, so that the milter leaves it alone. Thread safe: pure function.
//
// Security: reasons may quote strangers; every line is cleaned and cut, the body is quoted-printable UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "console/check_list.hpp"

namespace optimilter {

struct AdminMail {
    std::string host;  // of this machine, as it calls itself
    std::string from;  // address; empty: optimilter@host
    std::vector<std::string> to;
    std::int64_t now = 0;             // seconds since 1970
    std::int64_t next_reminder = 0;   // seconds from now; 0: none
    CheckList checks;                 // all of this run
    std::vector<std::string> causes;  // what it is about, short words
    std::vector<std::string> deeds;   // what was done, one sentence each
};

std::string build_admin_mail(const AdminMail& mail);

// "Thu, 01 Jan 1970 00:00:00 +0000" (RFC 5322, 3.3), whatever the locale.
std::string mail_date(std::int64_t now);

// The name of this machine, fit for a mail address; "localhost" when it has none.
std::string host_name();

}  // namespace optimilter
