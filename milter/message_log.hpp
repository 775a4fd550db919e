// SPDX-License-Identifier: Apache-2.0
//
// The log lines of a message, in the manner of Postfix: the queue id first, then key=value in a fixed order,
// the status with its reason last. Keys are documented in optimilter-engine(8) and never renamed. Foreign
// text is cleaned here.
#pragma once

#include <string>
#include <string_view>

#include "milter/trip.hpp"

namespace optimilter {

struct MessageFacts {
    std::string_view queue_id;
    Direction direction = Direction::kInbound;
    std::uint8_t load_level = 0;
    std::size_t bytes_in = 0;  // body bytes received
    double receive_ms = 0;     // first envelope command to end of message
    double reply_ms = 0;       // sending the edits
};

// "QID: part=1 type=... status=...", and "QID: parts=... status=...".
std::string part_line(std::string_view queue_id, const PartReport& part);
std::string message_line(const MessageFacts& facts, const TripResult& result);

// Writes one line for every part that was worked on or refused for a reason worth knowing, and one for the
// message.
void log_message(const MessageFacts& facts, const TripResult& result);

}  // namespace optimilter
