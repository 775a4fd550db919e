// SPDX-License-Identifier: Apache-2.0
//
// The headers of a 7z archive (7zFormat.txt of the LZMA SDK): where the packed streams are, how large and
// with which checksum each member is, and the bytes that describe the files, which are copied and never
// understood: names, times, attributes and anti-items stay by construction. Accepts only archives without
// anything before, between or after, and without encryption. Decoding of members is libarchive's. Thread
// safe: pure functions.
//
// Security: reads outside bytes; every number is bounded by the view or by the caller's limits.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

struct SevenZipArchive {
    std::uint64_t content_size = 0;    // of all members
    std::vector<std::uint64_t> sizes;  // of the members with content, in order
    std::vector<bool> has_content;     // one for each file
    Bytes files;                       // the property FilesInfo as it stands, identifier included
    bool unusual_method = false;  // some content is packed by more than the methods that all programs know
};

// kMalformed; kUnsupported: encrypted, with additional streams or bytes besides; kLimit: above max_entries.
Result<SevenZipArchive> read_seven_zip(ByteView file, std::uint32_t max_entries);

}  // namespace optimilter
