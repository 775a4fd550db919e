// SPDX-License-Identifier: Apache-2.0
//
// The mail that optimilter-recover writes to the admin, as bytes with CRLF. Built by mimetic. Nothing may
// ever answer or loop it: it goes out under the null sender, says that a program wrote it, and bears our
// trace field, so that the milter leaves it alone. Thread safe: pure function.
//
// Security: reasons may quote strangers; every line is cleaned and cut, the body is quoted-printable UTF-8.
#pragma once

#include <string>
#include <vector>

#include "console/notice_text.hpp"

namespace optimilter {

// from: address; empty: optimilter@host.
std::string build_admin_mail(const NoticeLetter& letter, const std::string& from,
                             const std::vector<std::string>& to);

// The name of this machine, fit for a mail address; "localhost" when it has none.
std::string host_name();

}  // namespace optimilter
