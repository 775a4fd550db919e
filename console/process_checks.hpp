// SPDX-License-Identifier: Apache-2.0
//
// What guard and engine say of themselves, judged, and whether their workers belong to somebody. Thread safe:
// pure functions over what they are given.
//
// Security: the JSON comes from a process that may be broken; every field is checked for its kind.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "console/check_list.hpp"
#include "console/process_table.hpp"

namespace optimilter {

using AskForStatus = std::function<Result<std::string>(const std::string& path, const std::string& command)>;

// Asks over a unix socket (console/process_client.hpp). command: empty for the guard, which takes none.
// kRefused when we may not open the socket, kIo when nobody answers.
Result<std::string> ask_for_status(const std::string& path, const std::string& command);

// path: of the socket; empty when the settings name none. Fails when nobody answers, or the guard says that
// its engine is down or hangs, or the engine that it has no workers. Warns when we may not ask.
Check guard_check(const std::string& path, const AskForStatus& ask);
Check engine_check(const std::string& path, const AskForStatus& ask);

Check process_check(const std::vector<ProcessEntry>& processes, const std::vector<ProcessEntry>& orphans,
                    const std::string& worker_program);

}  // namespace optimilter
