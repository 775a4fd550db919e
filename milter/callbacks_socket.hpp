// SPDX-License-Identifier: Apache-2.0
//
// The engine's listening socket, at which the guard is the only client, and libmilter's main loop: kept
// beside the callbacks because no other file may know libmilter. One socket a process.
#pragma once

#include <string>

#include "base/result.hpp"
#include "policy/settings.hpp"

namespace optimilter {

// Opens the socket of settings.engine_socket, for our own user alone. kRefused when something answers there
// already (another engine), kIo when it cannot be opened; a stale socket file is removed.
Status open_milter_socket(const Settings& settings);

// libmilter's loop: returns when it ends, false when it ended in failure.
bool run_milter();

// Removes the file of a unix socket, so that new connections fail at once and the MTA goes on without us.
void remove_milter_socket(const Settings& settings);

}  // namespace optimilter
