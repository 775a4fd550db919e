// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl optimize`: the trip and the workers of the engine, run on files. Single-threaded but for the
// pool.
#pragma once

#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "policy/settings.hpp"

namespace optimilter {

struct OptimizeRequest {
    std::vector<std::string> files;
    std::string output;  // empty: only report
    bool json = false;
    Direction direction = Direction::kInbound;
};

// Exit status: 0 all files were read, 1 one could not be (or not be written), 2 the output is refused.
int optimize_files(const OptimizeRequest& request, const Settings& settings);

}  // namespace optimilter
