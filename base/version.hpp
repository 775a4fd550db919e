// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace optimilter {

// From project() in CMakeLists.txt.
inline constexpr std::string_view kVersion = OPTIMILTER_VERSION;

}  // namespace optimilter
