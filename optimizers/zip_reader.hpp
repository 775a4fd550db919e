// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of ZIP records (APPNOTE.TXT 6.3, section 4.3): where every byte of an archive belongs. It
// accepts only archives that can be read in one way, so that what we rewrite is what every other reader sees:
// records contiguous from offset 0, each listed once in the central directory (in whatever order: WPS Office
// sorts it), both headers agreeing, nothing before, between or after. It refuses to know what is compressed
// inside. Decoder-free, shared with sniff(). Thread safe: pure functions; the ranges point into the view that
// was read.
//
// Security: reads outside bytes; every record is bounded by the view, entries by the caller's limit.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

// Record signatures and sizes of their fixed parts, in bytes (APPNOTE 4.3.7, 4.3.9, 4.3.12, 4.3.16).
constexpr std::string_view kZipLocalSignature{"PK\3\4", 4};
constexpr std::string_view kZipDescriptorSignature{"PK\7\10", 4};
constexpr std::string_view kZipCentralSignature{"PK\1\2", 4};
constexpr std::string_view kZipEndSignature{"PK\5\6", 4};
constexpr std::size_t kZipLocalSize = 30;
constexpr std::size_t kZipCentralSize = 46;
constexpr std::size_t kZipEndSize = 22;

constexpr std::uint16_t kZipStored = 0;
constexpr std::uint16_t kZipDeflated = 8;
constexpr std::uint16_t kZipHasDescriptor = 1u << 3;  // general purpose bit 3
constexpr std::uint16_t kZipUtf8Name = 1u << 11;

// One member. Numbers are those of the central directory; the local header was found to agree.
struct ZipEntry {
    ByteRange record;   // local header, name, extra field, data, descriptor
    ByteRange data;     // as compressed
    ByteRange central;  // the whole record in the central directory
    ByteRange name;     // in the central directory
    std::uint16_t flags = 0;
    std::uint16_t method = 0;
    std::uint32_t crc = 0;
    std::uint32_t size = 0;  // uncompressed, bytes
    bool plain_file = true;  // false: a folder, a symbolic link or another thing that is no file
};

struct ZipArchive {
    std::vector<ZipEntry> entries;  // in file order
    ByteRange directory;            // central directory
    ByteRange end;                  // end of central directory record with the archive comment
};

// Places in archive.entries, in the order of the central directory.
std::vector<std::size_t> directory_order(const ZipArchive& archive);

inline std::string_view zip_name(ByteView file, const ZipEntry& entry) {
    return as_text(slice(file, entry.name));
}

// kMalformed: the records break the rules or contradict each other; kUnsupported: well-formed, but to be left
// alone (encrypted, zip64, several disks, bytes outside of the records); kLimit: more than max_entries.
Result<ZipArchive> read_zip(ByteView file, std::uint32_t max_entries);

// The outcome that tells of a refusal of read_zip().
Outcome zip_refusal(ErrorCode code);

// For sniff(): calls seen(name) for the names of the central directory, however odd the rest of the archive
// is, until it returns false or the directory ends or stops making sense.
void visit_zip_names(ByteView file, const std::function<bool(std::string_view name)>& seen);

}  // namespace optimilter
