// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl optimize`: the trip and the workers of the engine, run on files. Single-threaded but for the
// pool.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policy/decide.hpp"
#include "policy/rule_set.hpp"

namespace optimilter {

struct OptimizeRequest {
    std::vector<std::string> files;
    std::string output;  // empty: only report
    bool json = false;
    Direction direction = Direction::kInbound;
};

// Exit status: 0 all files were read, 1 one could not be (or not be written), 2 the output is refused.
// A file has no envelope: rules see neither sender nor recipient nor client, and those that ask for one do
// not fit. A bare file is one part without a message.
int optimize_files(const OptimizeRequest& request, std::shared_ptr<const RuleSet> rules);

}  // namespace optimilter
