// SPDX-License-Identifier: Apache-2.0
//
// From the settings file to the pool: numbers, the worker program's place, and whom the workers run as.
#pragma once

#include <string>

#include "base/result.hpp"
#include "policy/settings.hpp"
#include "workers/pool.hpp"

namespace optimilter {

// The worker program's path: that of the settings, or where it is found. kIo when it is not found.
Result<std::string> worker_program_of(const Settings& settings);

// kIo when worker_program is empty and no program is found, kRefused when the user is not known.
Result<PoolSettings> pool_settings_of(const Settings& settings);

}  // namespace optimilter
