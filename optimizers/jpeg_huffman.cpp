// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_huffman.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace optimilter {

namespace {

constexpr std::size_t kLeaves = 257;  // 256 symbols and the one whose code of ones nobody gets
constexpr std::size_t kNodes = 2 * kLeaves;
constexpr std::size_t kLongest = 16;
constexpr std::size_t kLongestUnlimited = 64;  // counts of 32 bits make no deeper tree (Fibonacci)

struct Leaf {
    std::uint64_t count = 0;
    std::uint16_t symbol = 0;
};

struct Leaves {
    std::array<Leaf, kLeaves> leaf{};
    std::size_t count = 0;
};

// The reserved leaf comes first, so that it is the deepest; then the rarest. Symbols break ties, so that the
// answer depends on the counts alone.
Leaves leaves_of(const JpegSymbolCounts& counts) {
    Leaves leaves;
    leaves.leaf[leaves.count++] = {0, 256};
    for (std::uint16_t symbol = 0; symbol < 256; ++symbol) {
        if (counts[symbol] != 0) leaves.leaf[leaves.count++] = {counts[symbol], symbol};
    }
    if (leaves.count == 1) leaves.leaf[leaves.count++] = {1, 0};
    std::sort(leaves.leaf.begin() + 1, leaves.leaf.begin() + static_cast<std::ptrdiff_t>(leaves.count),
              [](const Leaf& a, const Leaf& b) {
                  return a.count != b.count ? a.count < b.count : a.symbol > b.symbol;
              });
    return leaves;
}

// How many leaves lie at each depth of Huffman's tree: two queues, both sorted.
std::array<unsigned, kLongestUnlimited + 1> leaves_at_depth(const Leaves& leaves) {
    std::array<std::uint64_t, kNodes> weight{};
    std::array<std::uint16_t, kNodes> parent{};
    const std::size_t count = leaves.count;
    for (std::size_t i = 0; i < count; ++i) weight[i] = leaves.leaf[i].count;
    std::size_t leaf = 0;
    std::size_t inner = count;
    for (std::size_t node = count; node < 2 * count - 1; ++node) {
        for (int child = 0; child < 2; ++child) {
            const bool take_leaf = leaf < count && (inner == node || weight[leaf] <= weight[inner]);
            const std::size_t taken = take_leaf ? leaf++ : inner++;
            weight[node] += weight[taken];
            parent[taken] = static_cast<std::uint16_t>(node);
        }
    }
    std::array<std::uint8_t, kNodes> depth{};
    std::array<unsigned, kLongestUnlimited + 1> at{};
    for (std::size_t node = 2 * count - 2; node-- > 0;) {
        depth[node] = static_cast<std::uint8_t>(depth[parent[node]] + 1);
        if (node < count) ++at[std::min<std::size_t>(depth[node], kLongestUnlimited)];
    }
    return at;
}

// T.81 figure K.3: a pair of too long codes gives its prefix to one of them; the other goes below a shorter
// code.
void limit_lengths(std::array<unsigned, kLongestUnlimited + 1>& at) {
    for (std::size_t length = kLongestUnlimited; length > kLongest; --length) {
        while (at[length] > 0) {
            std::size_t shorter = length - 2;
            while (at[shorter] == 0) --shorter;
            at[length] -= 2;
            ++at[length - 1];
            at[shorter + 1] += 2;
            --at[shorter];
        }
    }
}

}  // namespace

void assign_jpeg_codes(JpegHuffmanTable& table) {
    unsigned code = 0;
    std::size_t next = 0;
    for (std::size_t length = 1; length <= kLongest; ++length) {
        for (unsigned i = 0; i < table.codes_of_length[length]; ++i) {
            const std::uint8_t symbol = table.symbols[next++];
            table.length[symbol] = static_cast<std::uint8_t>(length);
            table.code[symbol] = static_cast<std::uint16_t>(code++);
        }
        code <<= 1;
    }
}

JpegHuffmanTable best_jpeg_table(const JpegSymbolCounts& counts) {
    const Leaves leaves = leaves_of(counts);
    std::array<unsigned, kLongestUnlimited + 1> at = leaves_at_depth(leaves);
    limit_lengths(at);
    std::size_t longest = kLongest;
    while (at[longest] == 0) --longest;
    --at[longest];  // the reserved one
    JpegHuffmanTable table;
    for (std::size_t length = 1; length <= kLongest; ++length)
        table.codes_of_length[length] = static_cast<std::uint8_t>(at[length]);
    table.symbols.reserve(leaves.count - 1);
    for (std::size_t i = leaves.count; --i > 0;)
        table.symbols.push_back(static_cast<std::uint8_t>(leaves.leaf[i].symbol));
    assign_jpeg_codes(table);
    return table;
}

namespace {

JpegHuffmanTable table_of(const std::array<std::uint8_t, 17>& codes_of_length, Bytes symbols) {
    JpegHuffmanTable table;
    table.codes_of_length = codes_of_length;
    table.symbols = std::move(symbols);
    assign_jpeg_codes(table);
    return table;
}

const JpegHuffmanTable& standard_dc(bool chroma) {
    static const JpegHuffmanTable kLuma =
        table_of({0, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    static const JpegHuffmanTable kChroma =
        table_of({0, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    return chroma ? kChroma : kLuma;
}

const JpegHuffmanTable& standard_ac_luma() {
    static const JpegHuffmanTable kTable = table_of(
        {0, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d},
        {0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
         0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
         0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34,
         0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55,
         0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76,
         0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
         0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
         0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
         0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1,
         0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa});
    return kTable;
}

const JpegHuffmanTable& standard_ac_chroma() {
    static const JpegHuffmanTable kTable = table_of(
        {0, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77},
        {0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
         0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62,
         0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29,
         0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54,
         0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75,
         0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94,
         0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
         0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
         0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea,
         0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa});
    return kTable;
}

}  // namespace

const JpegHuffmanTable& standard_jpeg_table(bool chroma, bool ac) {
    if (!ac) return standard_dc(chroma);
    return chroma ? standard_ac_chroma() : standard_ac_luma();
}

}  // namespace optimilter
