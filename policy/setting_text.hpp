// SPDX-License-Identifier: Apache-2.0
//
// Is a text what a setting of its form takes: sockets, addresses, paths, URLs and the like. Whether it exists
// is not known here. Thread safe: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "policy/settings.hpp"

namespace optimilter {

// Empty: it is; else what is wrong, or what is wanted.
std::string check_text(std::string_view text, SettingForm form);

}  // namespace optimilter
