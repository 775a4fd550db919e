// SPDX-License-Identifier: Apache-2.0
//
// How full the MTA's queue is at one moment, all watched instances together. Plain value; where it comes from
// is for others to know.
#pragma once

#include <cstdint>

namespace optimilter {

struct QueueSample {
    std::uint64_t incoming = 0;  // messages; incoming and active are the load that matters
    std::uint64_t active = 0;
    std::uint64_t deferred = 0;  // mostly trouble of remote hosts: told, never a signal
    std::uint64_t hold = 0;
    std::int64_t oldest_ms = 0;  // age of the oldest message in incoming and active; 0: none
    std::uint64_t retried = 0;   // being tried again, beside active: told, like deferred, and no signal
};

}  // namespace optimilter
