// SPDX-License-Identifier: Apache-2.0
//
// Runs another program with a limit on its time and on what it may say. Knows no program. One thread at a
// time for each call; calls do not share anything.
//
// Security: no shell; output beyond 1 MiB is dropped; a program that outlives its time is killed with its
// process group.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

struct ProgramRun {
    int exit_status = 0;  // 128 + n when signal n ended it
    std::string output;   // of standard output
    std::string errors;   // of standard error
};

// words: program (looked for in PATH when it has no slash) and its arguments. input goes to its standard
// input. kIo when it cannot be started, kDeadline when it was killed for its time.
Result<ProgramRun> run_program(const std::vector<std::string>& words, std::int64_t limit_ms,
                               std::string_view input = {});

}  // namespace optimilter
