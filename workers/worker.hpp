// SPDX-License-Identifier: Apache-2.0
//
// A worker's life: says that it is ready, then takes one job after the other until its socket closes. Runs in
// the sandbox, single-threaded save for what a library starts inside a job.
//
// Security: the engine is trusted, the input is not; whatever breaks here ends this process only.
#pragma once

#include <cstdint>

#include "base/unique_fd.hpp"

namespace optimilter {

// missing_steps: what of the sandbox this kernel lacks, to be reported. Returns the exit status.
int run_worker(UniqueFd socket, std::uint32_t missing_steps);

}  // namespace optimilter
