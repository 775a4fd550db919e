// SPDX-License-Identifier: Apache-2.0
//
// What the optimizers of the kinds of OLE files (ole_ppt, ole_msg, ...) share: the container as read, the
// changes found so far, and the way to the driver for one picture. One job, one OleWork; not thread safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizers/ole_blip.hpp"
#include "optimizers/ole_reader.hpp"
#include "optimizers/optimize.hpp"

namespace optimilter {

struct OleWork {
    const OleFile& file;
    Context& context;
    std::size_t file_size;  // bytes, as it came

    OleReplacements replacements;
    std::vector<MemberChange> changes;  // in the order in which verifying meets them
    std::optional<double> score;
    bool out_of_budget = false;  // some members were not looked at

    // The smaller form of a member, with a change of this index noted; nothing when there is none.
    std::optional<Bytes> shrink(ByteView member, const TypeHint& hint, std::size_t index);
    // The same for a whole Blip record.
    std::optional<Bytes> shrink_blip(ByteView record, std::size_t index);
};

// Each looks for smaller pictures and notes replacements, or says why the file stays as it is.
std::optional<Attempt> work_on_ppt(OleWork& work);
std::optional<Attempt> work_on_doc(OleWork& work);
std::optional<Attempt> work_on_msg(OleWork& work);

}  // namespace optimilter
