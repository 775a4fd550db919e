// SPDX-License-Identifier: Apache-2.0
//
// Runs postconf(1), for 10 s at most, and hands back what it printed. Reads only; changes nothing of the MTA.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace optimilter {

// arguments: without the program's name. config_dir: as for `postconf -c`, empty for the default. kIo when
// postconf cannot be run or ends in failure, with what it said.
Result<std::string> run_postconf(const std::string& config_dir, const std::vector<std::string>& arguments);

}  // namespace optimilter
