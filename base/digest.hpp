// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 of bytes: the name under which an input that killed a worker is remembered.
#pragma once

#include <array>
#include <string>

#include "base/bytes.hpp"

namespace optimilter {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView bytes);
std::string to_hex(const Digest& digest);

}  // namespace optimilter
