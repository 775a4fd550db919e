// SPDX-License-Identifier: Apache-2.0
#include "optimizers/seven_zip_writer.hpp"

#include <array>
#include <initializer_list>

#include "optimizers/deflate.hpp"
#include "optimizers/lzma_raw.hpp"
#include "optimizers/seven_zip_numbers.hpp"

namespace optimilter {

namespace {

using namespace seven_zip;

void put(Bytes& to, std::initializer_list<std::uint8_t> bytes) {
    to.insert(to.end(), bytes);
}

void put_le32(Bytes& to, std::uint32_t value) {
    std::array<std::uint8_t, 4> bytes;
    write_le32(bytes.data(), value);
    append(to, bytes);
}

// One packed stream and one folder of one coder, up to the sizes of what it unpacks to.
void put_folder(Bytes& to, std::uint64_t pack_at, const RawLzma& raw,
                std::initializer_list<std::uint8_t> coder, std::uint64_t unpacked) {
    constexpr std::uint8_t kHasProperties = 0x20;
    put(to, {kPackInfo});
    put_number(to, pack_at);
    put(to, {1, kSize});
    put_number(to, raw.packed.size());
    put(to, {kEnd, kUnpackInfo, kFolder, 1, 0, 1, static_cast<std::uint8_t>(kHasProperties | coder.size())});
    put(to, coder);
    put_number(to, raw.properties.size());
    append(to, raw.properties);
    put(to, {kCodersUnpackSize});
    put_number(to, unpacked);
}

Bytes plain_header(const SevenZipArchive& archive, const std::vector<ByteView>& contents,
                   const RawLzma& raw) {
    std::uint64_t unpacked = 0;
    for (const ByteView content : contents) unpacked += content.size();
    Bytes header = {kHeader, kMainStreams};
    put_folder(header, 0, raw, {0x21}, unpacked);
    put(header, {kEnd, kSubStreams, kUnpackStreams});
    put_number(header, contents.size());
    if (contents.size() > 1) put(header, {kSize});
    for (std::size_t i = 0; i + 1 < contents.size(); ++i) put_number(header, contents[i].size());
    put(header, {kCrc, 1});
    for (const ByteView content : contents) put_le32(header, crc32(content));
    put(header, {kEnd, kEnd});
    append(header, archive.files);
    put(header, {kEnd});
    return header;
}

// The header packed in its turn, appended to the file; answers what leads to it.
Result<Bytes> packed_header(const Bytes& plain, std::size_t at, Bytes& file) {
    const auto raw = encode_lzma1(plain);
    if (!raw) return raw.error();
    Bytes header = {kEncodedHeader};
    put_folder(header, at, *raw, {0x03, 0x01, 0x01}, plain.size());
    put(header, {kCrc, 1});
    put_le32(header, crc32(plain));
    put(header, {kEnd, kEnd});
    append(file, raw->packed);
    return header;
}

void write_signature(Bytes& file, const Bytes& header) {
    // Version 0.4, as every writer since 2009.
    constexpr std::uint8_t kSignature[] = {'7', 'z', 0xBC, 0xAF, 0x27, 0x1C, 0, 4};
    std::copy(std::begin(kSignature), std::end(kSignature), file.begin());
    const std::uint64_t at = file.size() - kSignatureHeader;
    write_le32(&file[12], static_cast<std::uint32_t>(at));
    write_le32(&file[16], static_cast<std::uint32_t>(at >> 32));
    write_le32(&file[20], static_cast<std::uint32_t>(header.size()));
    write_le32(&file[28], crc32(header));
    write_le32(&file[8], crc32(ByteView(file).subspan(12, 20)));
    append(file, header);
}

}  // namespace

Result<Bytes> write_seven_zip(const SevenZipArchive& archive, const std::vector<ByteView>& contents,
                              int preset, std::size_t limit_bytes, const Budget& budget) {
    const auto raw = encode_lzma2(contents, preset, limit_bytes, budget);
    if (!raw) return raw.error();
    Bytes file(kSignatureHeader);
    append(file, raw->packed);
    const Bytes plain = plain_header(archive, contents, *raw);
    auto header = packed_header(plain, raw->packed.size(), file);
    if (!header) return header.error();
    write_signature(file, *header);
    if (file.size() > limit_bytes) return Error{ErrorCode::kLimit, "not smaller"};
    return file;
}

}  // namespace optimilter
