// SPDX-License-Identifier: Apache-2.0
#include "optimizers/tiff_page.hpp"

#include <algorithm>
#include <iterator>

#include "optimizers/tiff_writer.hpp"

namespace optimilter {

namespace {

using namespace tiff_tag;

// Sides beyond this are not believed; sizes below then stay far from 2^64.
constexpr std::uint64_t kLongestSide = 1u << 24;
constexpr std::uint64_t kMostSamplesPerPixel = 64;

Error impossible() {
    return {ErrorCode::kMalformed, "impossible size of page, strip or tile"};
}

// The value that all samples share, or nothing. Missing: otherwise.
std::optional<std::uint32_t> shared_number(const TiffForm& form, const TiffDirectory& directory,
                                           std::uint16_t tag, std::uint32_t otherwise) {
    const TiffField* const field = directory.find(tag);
    if (field == nullptr) return otherwise;
    const std::uint64_t first = field->number(form);
    for (std::size_t i = 1; i < field->count; ++i)
        if (field->number(form, i) != first) return std::nullopt;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(first, UINT32_MAX));
}

bool side(std::uint64_t number) {
    return number >= 1 && number <= kLongestSide;
}

Status read_blocks(const TiffForm& form, const TiffDirectory& directory, TiffPage& page) {
    page.tiled = directory.find(kTileOffsets) != nullptr;
    std::uint64_t width = page.width;
    std::uint64_t height = 0;
    if (page.tiled) {
        width = directory.number(form, kTileWidth, 0);
        height = directory.number(form, kTileLength, 0);
    } else {
        height = std::min<std::uint64_t>(directory.number(form, kRowsPerStrip, page.height), page.height);
    }
    if (!side(width) || !side(height)) return impossible();
    page.block_width = static_cast<std::uint32_t>(width);
    page.block_height = static_cast<std::uint32_t>(height);
    if (page.blocks() != directory.blocks.size()) return impossible();
    return Success{};
}

bool one_of(std::uint32_t value, std::initializer_list<std::uint32_t> values) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

std::uint64_t TiffPage::row_bytes() const {
    return (std::uint64_t{block_width} * interleaved() * bits + 7) / 8;
}

std::uint64_t TiffPage::blocks() const {
    return std::uint64_t{blocks_across()} * blocks_down() * planes();
}

std::uint32_t TiffPage::rows_of(std::uint64_t block) const {
    if (tiled) return block_height;
    const auto down = static_cast<std::uint32_t>(block % blocks_down());
    return std::min(block_height, height - down * block_height);
}

std::uint64_t TiffPage::sample_bytes() const {
    if (!tiled) return row_bytes() * height * planes();
    return row_bytes() * block_height * blocks();
}

Result<TiffPage> describe_tiff_page(const TiffForm& form, const TiffDirectory& directory) {
    TiffPage page;
    const std::uint64_t width = directory.number(form, kWidth, 0);
    const std::uint64_t height = directory.number(form, kHeight, 0);
    const std::uint64_t samples = directory.number(form, kSamplesPerPixel, 1);
    if (!side(width) || !side(height) || samples < 1 || samples > kMostSamplesPerPixel) return impossible();
    const auto bits = shared_number(form, directory, kBitsPerSample, 1);
    const auto sample_format = shared_number(form, directory, kSampleFormat, 1);
    if (!bits || !sample_format) return Error{ErrorCode::kUnsupported, "samples of unequal kinds"};
    if (*bits < 1 || *bits > 64) return impossible();
    page.width = static_cast<std::uint32_t>(width);
    page.height = static_cast<std::uint32_t>(height);
    page.samples_per_pixel = static_cast<std::uint32_t>(samples);
    page.bits = *bits;
    page.sample_format = *sample_format;
    const auto number = [&](std::uint16_t tag, std::uint32_t otherwise) {
        return static_cast<std::uint32_t>(directory.number(form, tag, otherwise));
    };
    page.photometric = number(kPhotometric, UINT32_MAX);
    page.compression = number(kCompression, 1);
    page.fill_order = number(kFillOrder, 1);
    page.separate_planes = samples > 1 && number(kPlanar, 1) == 2;
    if (Status status = read_blocks(form, directory, page); !status) return status.error();
    return page;
}

bool tiff_page_can_be_recoded(const TiffPage& page) {
    using namespace tiff_compression;
    if (!one_of(page.compression,
                {kNone, kCcittRle, kCcittG3, kCcittG4, kLzw, kDeflate, kPackBits, kOldDeflate}))
        return false;
    // YCbCr may be subsampled, and the logarithmic ones have codecs of their own.
    if (!one_of(page.photometric, {0, 1, 2, 3, 4, 5, 8, 9, 10})) return false;
    if (page.sample_format < 1 || page.sample_format > 4) return false;
    if (page.bits > 8 && !one_of(page.bits, {16, 32, 64})) return false;
    // Readers agree on reversed bits in fax data alone.
    if (page.fill_order != 1 && !(page.ccitt() && page.fill_order == 2)) return false;
    if (page.ccitt() && !page.bilevel()) return false;
    return page.sample_bytes() <= kLargestTiffPage;
}

}  // namespace optimilter
