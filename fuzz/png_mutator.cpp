// SPDX-License-Identifier: Apache-2.0
//
// Changes PNG files chunk by chunk, with lengths and checksums that fit, and the scanlines below their
// compression.
#include <string>
#include <vector>

#include "fuzz/mutation.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/png_chunks.hpp"

namespace optimilter::fuzz {

namespace {

struct Chunk {
    std::string type;
    Bytes body;
};

constexpr std::string_view kTypes[] = {"tEXt", "tRNS", "PLTE", "bKGD", "sBIT", "gAMA",
                                       "pHYs", "iCCP", "eXIf", "hIST", "iDOT", "sRGB",
                                       "IDAT", "zTXt", "tIME", "prVt", "cICP", "IEND"};

// As lenient as can be: whatever looks like chunks.
std::vector<Chunk> chunks_of(ByteView file) {
    std::vector<Chunk> chunks;
    for (std::size_t at = kPngSignature.size(); at + 12 <= file.size();) {
        const std::size_t size = read_be32(&file[at]);
        if (size > file.size() - at - 12) break;
        chunks.push_back({string_of(file.subspan(at + 4, 4)), bytes_of(file.subspan(at + 8, size))});
        at += 12 + size;
    }
    return chunks;
}

Bytes file_of(const std::vector<Chunk>& chunks) {
    Bytes file = bytes_of(as_bytes(kPngSignature));
    for (const Chunk& chunk : chunks) append_chunk(file, chunk.type, chunk.body);
    return file;
}

std::size_t scanline_size(const Bytes& header) {
    if (header.size() != 13) return 0;
    PngHeader read;
    read.width = read_be32(header.data()) & 0xFFF;
    read.height = read_be32(header.data() + 4) & 0xFFF;
    read.bit_depth = header[8];
    if (header[9] > 6 || header[9] == 1 || header[9] == 5) return 0;
    read.color = static_cast<PngColor>(header[9]);
    read.interlaced = header[12] == 1;
    return static_cast<std::size_t>(scanline_bytes(read));
}

// All IDAT chunks become one, whose scanlines are changed or, where they do not fit IHDR, made anew.
void change_scanlines(std::vector<Chunk>& chunks, Chance& chance) {
    const std::size_t size = scanline_size(chunks.front().body);
    if (size == 0 || size > (1u << 20)) return;
    Bytes stream;
    for (const Chunk& chunk : chunks)
        if (chunk.type == "IDAT") append(stream, chunk.body);
    std::erase_if(chunks, [](const Chunk& chunk) { return chunk.type == "IDAT"; });
    auto scanlines = inflate_zlib(stream, size);
    Bytes rows = scanlines ? mutated(*scanlines, 0) : Bytes();
    rows.resize(size);
    auto packed = deflate_zlib(rows, static_cast<int>(chance.below(3)));
    if (packed) chunks.insert(chunks.end() - (chunks.size() > 1 ? 1 : 0), {"IDAT", std::move(*packed)});
}

void change_header(Bytes& header, Chance& chance) {
    constexpr std::uint8_t kColors[] = {0, 2, 3, 4, 6};
    constexpr std::uint8_t kDepths[] = {1, 2, 4, 8, 16};
    if (header.size() != 13) return;
    header[8] = kDepths[chance.below(5)];
    header[9] = kColors[chance.below(5)];
    header[12] = chance.one_in(3);
    header[3] = static_cast<std::uint8_t>(1 + chance.below(40));
    header[7] = static_cast<std::uint8_t>(1 + chance.below(40));
    header[2] = header[6] = 0;
}

Bytes change(ByteView file, Chance& chance) {
    std::vector<Chunk> chunks = chunks_of(file);
    if (chunks.empty()) return {};
    Chunk& chunk = chunks[chance.below(chunks.size())];
    const auto place = chunks.begin() + static_cast<std::ptrdiff_t>(chance.below(chunks.size()));
    switch (chance.below(7)) {
        case 0:
            change_header(chunks.front().body, chance);
            [[fallthrough]];
        case 1:
            change_scanlines(chunks, chance);
            break;
        case 2:
            chunks.insert(place,
                          {std::string(kTypes[chance.below(std::size(kTypes))]), mutated(chunk.body, 32)});
            break;
        case 3:
            chunks.erase(place);
            break;
        case 4:
            std::swap(chunk, *place);
            break;
        default:
            chunk.body = mutated(chunk.body, 16);
    }
    return file_of(chunks);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    return optimilter::fuzz::mutate_by(bytes, size, max_size, seed, optimilter::fuzz::change);
}
