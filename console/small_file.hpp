// SPDX-License-Identifier: Apache-2.0
//
// Whole small files as text, such as those of /proc, whose size nobody knows before they are read. Never
// waits for a FIFO. Thread safe.
#pragma once

#include <optional>
#include <string>

namespace optimilter {

// Nothing when it cannot be read or is larger than limit_bytes.
std::optional<std::string> read_small_file(const std::string& path, std::size_t limit_bytes = 1 << 20);

}  // namespace optimilter
