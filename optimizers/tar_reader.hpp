// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of tar archives (POSIX.1-2017 pax and ustar, GNU tar's long names): where every byte of an
// archive belongs. It accepts only archives that every reader walks in the same way: each header with magic
// and checksum, known types, two blocks of zeros at the end and nothing but zeros after them. Sparse and
// multi-volume archives are refused. It refuses to know what the members are. Thread safe: pure functions;
// ranges point into the view that was read.
//
// Security: reads outside bytes; every block is bounded by the view, entries by the caller's limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

constexpr std::size_t kTarBlock = 512;
// Fields of a header block that change with a member's size.
constexpr ByteRange kTarSizeField{124, 136};
constexpr ByteRange kTarChecksumField{148, 156};

struct TarEntry {
    std::size_t record_begin = 0;  // of the first extension header, or of the header itself
    std::size_t header = 0;        // of the header block
    ByteRange data;                // without padding
    std::size_t record_end = 0;    // with padding
    std::string name;              // as every reader resolves it
    bool plain_file = false;       // an ordinary file whose size stands in its header alone
};

struct TarArchive {
    std::vector<TarEntry> entries;
    ByteRange trailer;  // zeros up to the end
};

// kMalformed: the blocks break the rules; kUnsupported: well-formed, but to be left alone; kLimit: more than
// max_entries.
Result<TarArchive> read_tar(ByteView file, std::uint32_t max_entries);

// Writes value into an octal field in the field's own manner: its width, its padding and its terminator.
// false, and nothing written, when the field has no such manner or the value does not fit.
bool write_tar_octal(std::span<std::uint8_t> field, std::uint64_t value);

// Sum of a header block's bytes, the checksum field counted as blanks.
std::uint32_t tar_checksum(ByteView header);

}  // namespace optimilter
