// SPDX-License-Identifier: Apache-2.0
//
// The sockets of optimilter: there, of the right owner and mode, and somebody answers; and socket files that
// nobody serves any more. Connects and closes, says nothing. Thread safe: pure functions over files.
//
// Security: remove_stale_socket() unlinks, as root. Only a socket, only while nobody answers it and no
// process of this machine has it open, and only if it is still the same file as before the last look.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "console/check_list.hpp"
#include "policy/settings.hpp"

namespace optimilter {

struct SocketPlace {
    std::string name;                   // of the setting
    std::string address;                // "unix:/path" or "inet:port@host"
    std::optional<std::uint32_t> mode;  // wanted permissions of a unix socket
    std::string user, group;            // wanted owner; empty: any
};

enum class SocketAnswer {
    kAnswers,
    kMissing,
    kNoSocket,  // something else is there
    kStale,     // nobody answers, and no process has it
    kHeld,      // nobody answers, but a process has it
    kNoReach,   // we may not look
};

struct SocketFinding {
    SocketPlace place;
    SocketAnswer answer = SocketAnswer::kMissing;
    CheckState state = CheckState::kOk;
    std::string reason;
};

// Where guard and engine listen by these settings.
std::vector<SocketPlace> socket_places(const Settings& settings);

// proc: "/proc", for net/unix.
std::vector<SocketFinding> look_at_sockets(const std::vector<SocketPlace>& places, const std::string& proc);
Check socket_check(const std::vector<SocketFinding>& findings);

// The path of "unix:/path"; empty for an inet address.
std::string socket_path(const std::string& address);

// kRefused when it is not stale, or not any more.
Status remove_stale_socket(const std::string& path, const std::string& proc);

}  // namespace optimilter
