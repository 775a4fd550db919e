// SPDX-License-Identifier: Apache-2.0
//
// What the fields of one TIFF directory say about its samples: their shape, and how they are stored. It
// decides which pages are decoded and stored anew; all others keep their strips bit for bit. Thread safe:
// pure functions.
//
// Security: reads outside numbers; sizes are computed in 64 bits and bounded before anybody allocates.
#pragma once

#include <optional>

#include "optimizers/tiff_tree.hpp"

namespace optimilter {

// Samples of one page in memory; a worker has 1 GiB of address space for all of its copies.
constexpr std::uint64_t kLargestTiffPage = std::uint64_t{128} << 20;

struct TiffPage {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::uint32_t samples_per_pixel = 1;
    std::uint32_t bits = 1;  // of each sample
    std::uint32_t sample_format = 1;
    std::uint32_t photometric = 0;
    std::uint32_t compression = 1;
    std::uint32_t fill_order = 1;
    bool separate_planes = false;
    bool tiled = false;
    std::uint32_t block_width = 0;   // pixels of a strip or tile across
    std::uint32_t block_height = 0;  // rows of a full strip or tile

    std::uint64_t pixels() const { return std::uint64_t{width} * height; }
    std::uint32_t planes() const { return separate_planes ? samples_per_pixel : 1; }
    // Samples of one pixel that stand side by side.
    std::uint32_t interleaved() const { return separate_planes ? 1 : samples_per_pixel; }
    std::uint64_t row_bytes() const;  // of a strip or tile
    std::uint32_t blocks_down() const { return (height - 1) / block_height + 1; }
    std::uint32_t blocks_across() const { return tiled ? (width - 1) / block_width + 1 : 1; }
    std::uint64_t blocks() const;
    // Rows of one block; the last strip of a plane may be shorter.
    std::uint32_t rows_of(std::uint64_t block) const;
    std::uint64_t sample_bytes() const;  // of all blocks, decoded
    bool bilevel() const { return bits == 1 && samples_per_pixel == 1 && photometric <= 1; }
    bool ccitt() const { return compression >= 2 && compression <= 4; }
};

// The page of a directory with strips or tiles. kMalformed: the numbers cannot be true. kUnsupported: samples
// of unequal kinds.
Result<TiffPage> describe_tiff_page(const TiffForm& form, const TiffDirectory& directory);

// true when its samples may be stored in another way and every reader will still show them alike.
bool tiff_page_can_be_recoded(const TiffPage& page);

}  // namespace optimilter
