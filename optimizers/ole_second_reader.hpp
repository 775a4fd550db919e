// SPDX-License-Identifier: Apache-2.0
//
// A second opinion on what a compound file holds. It shares no code with ole_reader and reads the other way
// round: it keeps no table, but follows every sector through DIFAT and FAT where they lie in the file. Used
// to verify what we wrote, never to write. Thread safe: pure functions.
//
// Security: reads outside bytes and bytes made from them. Chains and tree are walked no further than the
// file's size allows.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

// An entry as met on the way through the tree: a storage before what it holds, siblings in their order.
struct OleSeen {
    Bytes name;        // UTF-16, as it is in the file
    std::string path;  // printable: names joined with '/', empty for the root
    std::uint32_t id = 0;
    std::size_t parent = 0;  // place in the list
    std::uint8_t type = 0;
    Bytes kept;     // type, colour, siblings, child, CLSID, state bits, both times: what may never change
    Bytes content;  // streams only
};

Result<std::vector<OleSeen>> see_ole(ByteView file);

}  // namespace optimilter
