// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of OLE compound files ([MS-CFB] 3.0): header, FAT, directory tree and the content of every
// stream. It accepts only containers in which every sector in use has exactly one owner, so that one
// rewritten compactly holds all that the original held. It refuses to know what the streams mean. Thread
// safe: pure functions; the result owns its bytes.
//
// Security: reads outside bytes. Every sector is claimed once, so that loops and cross-linked chains end;
// memory is bounded by the file's size and the caller's limit on entries.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace optimilter {

// Sector numbers with a meaning of their own ([MS-CFB] 2.1).
constexpr std::uint32_t kOleMaxRegular = 0xFFFFFFFA;
constexpr std::uint32_t kOleDifatSector = 0xFFFFFFFC;
constexpr std::uint32_t kOleFatSector = 0xFFFFFFFD;
constexpr std::uint32_t kOleEndOfChain = 0xFFFFFFFE;
constexpr std::uint32_t kOleFree = 0xFFFFFFFF;
constexpr std::uint32_t kOleNoEntry = 0xFFFFFFFF;

constexpr std::size_t kOleHeaderSize = 512;
constexpr std::size_t kOleEntrySize = 128;
constexpr std::size_t kOleMiniSector = 64;
// Streams below this size live in the mini stream.
constexpr std::size_t kOleMiniCutoff = 4096;
constexpr std::size_t kOleHeaderDifat = 109;  // FAT sectors that the header itself names

enum class OleType : std::uint8_t { kUnused = 0, kStorage = 1, kStream = 2, kRoot = 5 };

// One directory entry ([MS-CFB] 2.6.1). Its id is its place in OleFile::entries.
struct OleEntry {
    std::array<std::uint8_t, kOleEntrySize> raw{};
    OleType type = OleType::kUnused;
    std::string name;  // one character a UTF-16 unit, '?' for those beyond Latin-1; to recognise known names
    std::uint32_t parent = kOleNoEntry;
    Bytes content;  // streams only

    std::uint32_t left() const { return read_le32(&raw[68]); }
    std::uint32_t right() const { return read_le32(&raw[72]); }
    std::uint32_t child() const { return read_le32(&raw[76]); }
    std::uint32_t start() const { return read_le32(&raw[116]); }
};

struct OleFile {
    std::array<std::uint8_t, kOleHeaderSize> header{};
    std::size_t sector_size = 512;
    std::vector<OleEntry> entries;

    // The entry of this name in a storage (0: the root), any case; nothing when there is none.
    std::optional<std::uint32_t> find(std::uint32_t storage, std::string_view name) const;
    // The content of a stream of the root, nullptr when there is none of this name.
    const Bytes* root_stream(std::string_view name) const;
};

// New contents by entry id.
using OleReplacements = std::map<std::uint32_t, Bytes>;

// kMalformed: the records break the rules or contradict each other; kUnsupported: well-formed, but with bytes
// that belong to nothing; kLimit: more than max_entries.
Result<OleFile> read_ole(ByteView file, std::uint32_t max_entries);

}  // namespace optimilter
