// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tar_writer.hpp"

#include <array>

namespace optimilter {

namespace {

constexpr std::size_t kRecord = 20 * kTarBlock;

std::size_t rounded_up(std::size_t size, std::size_t unit) {
    return (size + unit - 1) / unit * unit;
}

bool append_member(Bytes& output, ByteView input, const TarEntry& entry, const Bytes& content) {
    append(output, slice(input, {entry.record_begin, entry.header}));
    std::array<std::uint8_t, kTarBlock> header;
    const ByteView old = input.subspan(entry.header, kTarBlock);
    std::copy(old.begin(), old.end(), header.begin());
    const auto field = [&](ByteRange range) {
        return std::span<std::uint8_t>(header).subspan(range.begin, range.size());
    };
    if (!write_tar_octal(field(kTarSizeField), content.size()) ||
        !write_tar_octal(field(kTarChecksumField), tar_checksum(header))) {
        return false;
    }
    append(output, header);
    append(output, content);
    output.resize(rounded_up(output.size(), kTarBlock));
    return true;
}

}  // namespace

Result<Bytes> write_tar(ByteView input, const TarArchive& archive, const TarReplacements& replacements) {
    Bytes output;
    output.reserve(input.size());
    for (std::size_t i = 0; i < archive.entries.size(); ++i) {
        const TarEntry& entry = archive.entries[i];
        const auto replacement = replacements.find(i);
        if (replacement == replacements.end()) {
            append(output, slice(input, {entry.record_begin, entry.record_end}));
        } else if (!append_member(output, input, entry, replacement->second)) {
            return Error{ErrorCode::kUnsupported, "header without room for a new size"};
        }
    }
    const bool whole_records = input.size() % kRecord == 0;
    const std::size_t end = output.size() + (whole_records ? 2 * kTarBlock : archive.trailer.size());
    output.resize(whole_records ? rounded_up(end, kRecord) : end);
    return output;
}

}  // namespace optimilter
