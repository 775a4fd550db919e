// SPDX-License-Identifier: Apache-2.0
//
// The zygote: started by the engine, initialises the libraries while single-threaded, then forks workers on
// request and tells how they ended. It never runs a job, because a process forked after libvips has worked
// hangs, and never reads a byte of mail. Ends when the engine's socket closes; its workers end with it.
#pragma once

#include "base/unique_fd.hpp"
#include "workers/sandbox.hpp"

namespace optimilter {

// Runs until the engine is gone. Returns the process's exit status.
int run_zygote(UniqueFd engine, const SandboxSettings& settings);

}  // namespace optimilter
