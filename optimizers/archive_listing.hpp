// SPDX-License-Identifier: Apache-2.0
//
// What libarchive sees in an archive: of every entry all metadata in one line of text, and the digest of its
// content. An independent witness for verification; it knows nothing of our readers and writers. Not thread
// safe, as libarchive's charset conversion is not.
//
// Security: decodes bytes we wrote from outside bytes, so in the sandboxed worker only; bounded by the
// budget's deadline and by the caller's limits.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/result.hpp"
#include "optimizers/budget.hpp"
#include "optimizers/format.hpp"

namespace optimilter {

struct ListedEntry {
    std::string metadata;  // everything but size and content
    std::string name;      // UTF-8 where libarchive can tell, else as it came
    bool plain_file = false;
    bool symbolic_link = false;
    std::uint64_t size = 0;
    Digest content{};
    Format format = Format::kUnknown;  // of the content
};

// format: kTar or kSevenZip. kMalformed: libarchive refuses; kLimit: contents of more than limit_bytes in
// all; kDeadline: no time.
Result<std::vector<ListedEntry>> list_archive(ByteView file, Format format, std::uint64_t limit_bytes,
                                              const Budget& budget);

// The same, and keeps the contents for the caller: one for each entry.
Result<std::vector<ListedEntry>> list_archive(ByteView file, Format format, std::uint64_t limit_bytes,
                                              const Budget& budget, std::vector<Bytes>* contents);

}  // namespace optimilter
