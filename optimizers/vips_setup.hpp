// SPDX-License-Identifier: Apache-2.0
//
// libvips made fit for one job in one process: no cache, one thread of concurrency, no loader for anything
// that fuzzers have not worn smooth.
#pragma once

namespace optimilter {

// Once per process, before any job and before the sandbox closes. Forking after a first libvips job hangs the
// child, so the zygote calls this and never runs a job. Aborts when libvips cannot start.
void initialize_vips();

}  // namespace optimilter
