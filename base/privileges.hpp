// SPDX-License-Identifier: Apache-2.0
//
// Giving up root. Once, at start, while the process has one thread.
#pragma once

#include <string>

#include "base/result.hpp"

namespace optimilter {

// Becomes user with the groups it is in; a no-op when user is empty or we are not root. kRefused with the
// reason when that cannot be done. No capability survives, except keep_capability (CAP_*; -1: none) as far as
// we have it.
Status become_user(const std::string& user, int keep_capability = -1);

}  // namespace optimilter
