// SPDX-License-Identifier: Apache-2.0
//
// Writes a TIFF tree anew: same byte order, same kind (TIFF or BigTIFF), every field byte for byte but those
// that say where and how samples are stored. Pages without a recoding keep their strips or tiles bit for bit.
// Bytes that nothing refers to do not come along. Thread safe: pure functions.
#pragma once

#include <map>

#include "optimizers/tiff_tree.hpp"

namespace optimilter {

namespace tiff_compression {
constexpr std::uint16_t kNone = 1;
constexpr std::uint16_t kCcittRle = 2;
constexpr std::uint16_t kCcittG3 = 3;
constexpr std::uint16_t kCcittG4 = 4;
constexpr std::uint16_t kLzw = 5;
constexpr std::uint16_t kDeflate = 8;
constexpr std::uint16_t kPackBits = 32773;
constexpr std::uint16_t kOldDeflate = 32946;
}  // namespace tiff_compression

// The samples of one directory in another form.
struct TiffRecoding {
    std::uint16_t compression = tiff_compression::kDeflate;
    std::uint16_t predictor = 1;       // 1: none
    std::uint32_t rows_per_strip = 0;  // 0: tiles, which keep their size
    std::vector<Bytes> blocks;

    std::size_t size_bytes() const;
};

// By the directory in the tree that is written.
using TiffRecodings = std::map<const TiffDirectory*, TiffRecoding>;

// true for tags whose value says how samples are stored, and nothing about the picture.
bool is_tiff_storage_tag(std::uint16_t tag);

Bytes write_tiff(const TiffFile& file, const TiffRecodings& recodings);

}  // namespace optimilter
