// SPDX-License-Identifier: Apache-2.0
//
// Owners of libarchive's objects and the two calls that everybody makes on them. Knows no format. Not thread
// safe: one handle, one thread.
#pragma once

#include <memory>

#include "base/bytes.hpp"
#include "base/result.hpp"

struct archive;

namespace optimilter {

struct FreeReadArchive {
    void operator()(archive* a) const;
};
using ReadHandle = std::unique_ptr<archive, FreeReadArchive>;

struct FreeWriteArchive {
    void operator()(archive* a) const;
};
using WriteHandle = std::unique_ptr<archive, FreeWriteArchive>;

// What the last call on it said, as kMalformed.
Error libarchive_error(archive* a);

// The next piece of the entry at hand, which must begin at offset at; empty at its end. Lives until the next
// call.
Result<ByteView> next_piece(archive* a, std::size_t at);

}  // namespace optimilter
