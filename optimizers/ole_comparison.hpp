// SPDX-License-Identifier: Apache-2.0
//
// What verify_ole() asks of each kind of OLE file: whether the streams that differ differ only where a
// smaller picture makes them. Shares no code with the optimizers of the kinds (ole_ppt, ole_msg, ...) but the
// layout of records. Thread safe: plain values.
//
// Security: reads outside bytes and bytes made from them, bounded by the views.
#pragma once

#include <string>
#include <vector>

#include "optimizers/ole_second_reader.hpp"
#include "optimizers/optimize.hpp"

namespace optimilter {

// Two files with the same tree: before[i] and after[i] are the same entry.
struct OleComparison {
    const std::vector<OleSeen>& before;
    const std::vector<OleSeen>& after;
    const std::vector<MemberChange>& changes;
    std::size_t next_change = 0;
    std::vector<bool> explained;  // entries whose difference a kind has accounted for

    // Empty when the member after is what the driver verified under this index and of the format it had
    // before; the changes must be asked for in their order.
    std::string expect_change(std::size_t index, ByteView was, ByteView is);
    bool change_is_next(std::size_t index) const;

    // The place of the entry with this path, any case; before.size() when there is none.
    std::size_t find(std::string_view path) const;
};

// Empty, or what is wrong.
std::string compare_ppt(OleComparison& comparison);
std::string compare_doc(OleComparison& comparison);
std::string compare_msg(OleComparison& comparison);

// Two Blip records: the same, or the second with the picture of the next change.
std::string compare_blips(OleComparison& comparison, std::size_t index, ByteView was, ByteView is);

}  // namespace optimilter
