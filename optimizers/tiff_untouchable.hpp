// SPDX-License-Identifier: Apache-2.0
//
// Which TIFF files are left alone whatever could be gained: camera raw, signed ones, and those with something
// inside that may point at places in the file and would point at the wrong ones afterwards. Thread safe: pure
// functions.
#pragma once

#include "optimizers/outcome.hpp"
#include "optimizers/tiff_tree.hpp"

namespace optimilter {

struct TiffRefusal {
    Outcome outcome = Outcome::kNotApplicable;
    std::string reason;  // names the tag; empty: not refused

    explicit operator bool() const { return !reason.empty(); }
};

// file_bytes: the size of the file.
TiffRefusal refuse_tiff(const TiffFile& file, std::uint64_t file_bytes);

}  // namespace optimilter
