// SPDX-License-Identifier: Apache-2.0
//
// What the names in an MTA's queue directory say, so that a queue is counted without a look at its files.
// Opens nothing. Thread safe: pure functions.
//
// Security: names are of any bytes; none is believed to be more than what it matches.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace optimilter {

// Postfix: a queue ID, short (hexadecimal) or long (enable_long_queue_ids). Files that are being written bear
// names with a dot until they have their ID.
bool is_postfix_queue_id(std::string_view name);
// Postfix: a hashed subfolder (hash_queue_names), which has a name of one character.
bool is_postfix_hash_folder(std::string_view name);

// Sendmail: when the message of a queue ID came in, in seconds since 1970, from the ID itself: year, month,
// day, hour, minute and second in UTC, a character each of base 60, then a sequence and a process ID (op.me,
// "Queue files"). The year is known modulo 60 only: the latest is taken that is not after now_s by more than
// a day. Empty: no queue ID.
std::optional<std::int64_t> sendmail_arrival(std::string_view queue_id, std::int64_t now_s);

}  // namespace optimilter
