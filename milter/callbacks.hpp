// SPDX-License-Identifier: Apache-2.0
//
// The C edge to libmilter: what we negotiate, and a callback for each event. Every callback goes through one
// guarded() template, so that no exception crosses a C frame and every failure is ACCEPT.
#pragma once

#include "milter/engine.hpp"

namespace optimilter {

// Registers the filter. engine must outlive smfi_main(); there is one engine a process. false when libmilter
// refuses.
bool register_callbacks(Engine& engine);

}  // namespace optimilter
