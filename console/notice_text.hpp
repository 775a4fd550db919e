// SPDX-License-Identifier: Apache-2.0
//
// What is to be told, as text for a person and as JSON for a program: the body and subject of the mail to the
// admin, and what a webhook gets. Sends nothing. Thread safe: pure functions.
//
// Security: texts may quote strangers; every line is cleaned and cut here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "console/alert_ledger.hpp"
#include "console/check_list.hpp"

namespace optimilter {

// What one run of optimilter-recover has to tell.
struct NoticeLetter {
    std::string host;                // of this machine, as it calls itself
    std::int64_t now = 0;            // seconds since 1970
    std::int64_t next_reminder = 0;  // seconds from now; 0: none
    std::vector<Notice> notices;     // at least one
    CheckList checks;                // all of this run
    std::vector<std::string> deeds;  // what was done, one sentence each
};

// "Thu, 01 Jan 1970 00:00:00 +0000" (RFC 5322, 3.3), whatever the locale.
std::string mail_date(std::int64_t now);

// "45 min", "4 h", "3 d".
std::string time_span(std::int64_t seconds);

// The heaviest of it, in a few words: "mail passes unchanged (bypass) (and 2 more)".
std::string notice_headline(const std::vector<Notice>& notices);
// Lines of UTF-8, ended by \n; those of our own words are of 76 columns at most.
std::string notice_text(const NoticeLetter& letter);
// One object, one line.
std::string notice_json(const NoticeLetter& letter);

}  // namespace optimilter
