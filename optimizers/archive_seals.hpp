// SPDX-License-Identifier: Apache-2.0
//
// Tar and 7z archives that must not change by one byte in any member, because one of them signs, counts or
// names the others by digest: what zip_untouchable.hpp knows, and what only travels in tar: packages of
// distributions, container images, Git repositories. Thread safe: pure function.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace optimilter {

// Nothing, or why the members stay as they are.
std::optional<std::string> sealed_by_names(const std::vector<std::string>& names);

}  // namespace optimilter
