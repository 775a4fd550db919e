// SPDX-License-Identifier: Apache-2.0
//
// How much mail waits at the MTA, by counting files: of Postfix the folders incoming, active and deferred, of
// Sendmail the qf files of its queue. Opens no mail. Thread safe: pure functions over files.
#pragma once

#include <cstdint>
#include <string>

#include "console/check_list.hpp"

namespace optimilter {

// now: seconds since 1970, for the age of the oldest message. Warns from 2000 messages on that Postfix has
// not tried yet, or when the oldest of them is older than 15 minutes. Deferred mail is told and never a
// warning: other servers' outages are not ours.
Check postfix_queue_check(const std::string& queue_directory, std::int64_t now);
// Sendmail keeps all in one queue: warns from 5000 on.
Check sendmail_queue_check(const std::string& queue_directory);

}  // namespace optimilter
