// SPDX-License-Identifier: Apache-2.0
//
// Asks a process of ours over its unix socket: one line out (the guard takes none), everything back until it
// closes, all within a time. Knows no JSON. Thread safe: a plain function.
//
// Security: the other side may be broken or not ours: its answer is bounded in size and time, and is not
// cleaned: callers pass it through printable().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace optimilter {

enum class Reach {
    kAnswered,
    kNotRunning,    // no socket there, or nobody behind it
    kNotAnswering,  // it is there, and silent or endless
    kNotAllowed,    // we may not open its socket
};

struct ProcessReply {
    Reach reach = Reach::kNotRunning;
    std::string text;  // the answer; else why there is none, in words
};

constexpr std::int64_t kProcessPatienceMs = 2000;
constexpr std::size_t kLongestReply = 256 << 10;

// path: of the socket. line: the command, without line end; empty: nothing is sent.
ProcessReply query_process(const std::string& path, std::string_view line,
                           std::int64_t patience_ms = kProcessPatienceMs);

}  // namespace optimilter
