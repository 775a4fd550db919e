// SPDX-License-Identifier: Apache-2.0
//
// Hands one finished mail to an MTA, under the null sender: by sendmail(1), or by SMTP in plain text, which
// is for a machine of one's own. Never waits longer than its limit. Thread safe: no state.
//
// Security: addresses must have passed the settings' check; no shell is used. Replies of a server are
// bounded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

// via: the setting notify_via. message: with CRLF. kIo, kRefused or kDeadline with what the MTA said.
Status send_mail(const std::string& via, const std::vector<std::string>& to, const std::string& message,
                 std::int64_t limit_ms);

// A body as SMTP's DATA takes it (RFC 5321, 4.5.2): dots doubled at the start of lines, ends with CRLF.CRLF.
std::string smtp_data(const std::string& message);

}  // namespace optimilter
