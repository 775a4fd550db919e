// SPDX-License-Identifier: Apache-2.0
//
// What guard and engine say of themselves, as text for a person or as JSON for a program, and what is wrong
// with it. Asks nobody. Thread safe: pure functions.
//
// Security: the answers come from processes that may be broken: every field is checked for its kind, and text
// is cleaned.
#pragma once

#include <string>
#include <vector>

#include "console/process_client.hpp"

namespace optimilter {

struct ProcessReplies {
    std::string guard_socket, engine_socket;  // paths; empty: not asked, by the settings
    ProcessReply guard, engine;
    std::vector<std::string> certificates;  // what is wrong with those that are watched
};

struct StatusReport {
    std::string text;                   // some lines
    std::string json;                   // one line
    std::vector<std::string> problems;  // what is not as it should be; both forms hold them too
    bool well() const { return problems.empty(); }
};

StatusReport report_status(const ProcessReplies& replies);
// Of the same, what load control does.
StatusReport report_load(const std::string& engine_socket, const ProcessReply& engine);

}  // namespace optimilter
