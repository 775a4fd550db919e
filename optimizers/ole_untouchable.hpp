// SPDX-License-Identifier: Apache-2.0
//
// Which OLE files are left alone whatever they hold: encrypted, under rights management, signed. Signatures
// of macros cover the macros alone, whose storage is never changed. Thread safe.
#pragma once

#include <optional>

#include "optimizers/ole_reader.hpp"
#include "optimizers/optimize.hpp"

namespace optimilter {

// Why the file must not be changed, or nothing.
std::optional<Attempt> ole_untouchable(const OleFile& file);

}  // namespace optimilter
