// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_writer.hpp"

#include <algorithm>

namespace optimilter {

namespace {

// Bits 1 and 2 tell how hard the first compressor tried; bit 3 announces a descriptor, which a replaced entry
// has no more: LibreOffice refuses stored entries with one, and sizes in the local header serve every reader.
constexpr std::uint16_t kClearedFlags = kZipHasDescriptor | (1u << 1) | (1u << 2);
// APPNOTE 4.4.3.2: deflate needs version 2.0.
constexpr std::uint16_t kVersionForDeflate = 20;

// The fields that the local header and the central directory have in the same order (APPNOTE 4.3.7, 4.3.12),
// beginning with "version needed to extract". The archive is below 4 GB, or read_zip() had refused it.
void patch_fields(std::uint8_t* p, const ZipReplacement& replacement) {
    if (replacement.method == kZipDeflated) {
        write_le16(p, std::max(read_le16(p), kVersionForDeflate));
    }
    write_le16(p + 2, static_cast<std::uint16_t>(read_le16(p + 2) & ~kClearedFlags));
    write_le16(p + 4, replacement.method);
    write_le32(p + 10, replacement.crc);
    write_le32(p + 14, static_cast<std::uint32_t>(replacement.data.size()));
    write_le32(p + 18, replacement.size);
}

void append_replaced(Bytes& output, ByteView input, const ZipEntry& entry,
                     const ZipReplacement& replacement) {
    const std::size_t at = output.size();
    append(output, slice(input, {entry.record.begin, entry.data.begin}));
    patch_fields(&output[at + 4], replacement);
    append(output, replacement.data);
}

}  // namespace

Bytes write_zip(ByteView input, const ZipArchive& archive, const ZipReplacements& replacements) {
    Bytes output;
    output.reserve(input.size());
    std::vector<std::uint32_t> offsets;
    offsets.reserve(archive.entries.size());
    for (std::size_t i = 0; i < archive.entries.size(); ++i) {
        const ZipEntry& entry = archive.entries[i];
        offsets.push_back(static_cast<std::uint32_t>(output.size()));
        const auto replaced = replacements.find(i);
        if (replaced == replacements.end()) {
            append(output, slice(input, entry.record));
        } else {
            append_replaced(output, input, entry, replaced->second);
        }
    }
    const auto directory_at = static_cast<std::uint32_t>(output.size());
    for (const std::size_t i : directory_order(archive)) {
        const std::size_t at = output.size();
        append(output, slice(input, archive.entries[i].central));
        const auto replaced = replacements.find(i);
        if (replaced != replacements.end()) patch_fields(&output[at + 6], replaced->second);
        write_le32(&output[at + 42], offsets[i]);
    }
    const std::size_t end_at = output.size();
    append(output, slice(input, archive.end));
    write_le32(&output[end_at + 12], static_cast<std::uint32_t>(end_at) - directory_at);
    write_le32(&output[end_at + 16], directory_at);
    return output;
}

}  // namespace optimilter
