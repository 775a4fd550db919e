// SPDX-License-Identifier: Apache-2.0
//
// What a service tells systemd, by hand: datagrams to $NOTIFY_SOCKET, and the watchdog's interval. libsystemd
// is not linked, because the guard may load libc and libstdc++ and nothing else. Without systemd, that is
// without these variables, all of it does nothing. Never blocks: a message that the socket does not take at
// once is dropped. Safe from any thread as long as nobody changes the environment.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace optimilter {

// Sends state as sd_notify(3) does: lines of NAME=value, such as "READY=1\nSTATUS=...". The socket is a path
// or, after '@', an abstract name. true when it was sent; false when nobody listens or the name is none.
bool notify_service(std::string_view state);

// How often WATCHDOG=1 must come, in ms: $WATCHDOG_USEC, unless $WATCHDOG_PID names another process. Empty
// when nobody watches. Send it at half this interval (sd_watchdog_enabled(3)).
std::optional<std::int64_t> watchdog_interval();

}  // namespace optimilter
