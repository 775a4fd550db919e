// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl status`, `drain` and `resume`: asks the running processes, prints, and says by the exit
// status how it stands.
#pragma once

#include "policy/settings.hpp"

namespace optimilter {

// 0 all well, 1 something is not running, not answering, draining or otherwise not as it should be.
int show_status(const Settings& settings, bool json);

// 0 done, 1 the engine could not be told.
int order_drain(const Settings& settings, bool drain);

}  // namespace optimilter
