// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl status`, `drain`, `resume` and `level`: asks the running processes, prints, and says by the
// exit status how it stands.
#pragma once

#include <string>

#include "policy/settings.hpp"

namespace optimilter {

// 0 all well, 1 something is not running, not answering, draining or otherwise not as it should be.
int show_status(const Settings& settings, bool json);

// 0 done, 1 the engine could not be told.
int order_drain(const Settings& settings, bool drain);

// What load control does; 0 all well, 1 bypass, or the engine could not be asked.
int show_level(const Settings& settings);
// level: a digit or "auto". time: as in the settings file; empty: the usual. 0 done, 1 the engine could not
// be told, or refuses.
int order_level(const Settings& settings, const std::string& level, const std::string& time);

}  // namespace optimilter
