// SPDX-License-Identifier: Apache-2.0
//
// `optimilterctl compare`: the score of two pictures, measured in a sandboxed worker as the optimizers
// measure it. Decodes nothing itself.
#pragma once

#include <string>

#include "policy/settings.hpp"

namespace optimilter {

struct CompareRequest {
    std::string first;
    std::string second;
    bool json = false;
};

// Exit status: 0 compared, whatever the score; 1 a file cannot be read or decoded, the sizes differ, or no
// worker could be had.
int compare_pictures_command(const CompareRequest& request, const Settings& settings);

}  // namespace optimilter
