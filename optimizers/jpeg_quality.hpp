// SPDX-License-Identifier: Apache-2.0
//
// The quantisation tables of a quality, counted as libjpeg does (1..100; 50 is the base table itself): those
// of T.81 Annex K, and ours, whose steps grow with the frequency alone: base * exp(radius / 5). At equal
// score ours need about a tenth fewer bytes, by our own metric and by butteraugli (bench/jpeg_lossy.py).
// Thread safe: pure functions.
#pragma once

#include <array>
#include <cstdint>

namespace optimilter {

// Natural (not zigzag) order.
using JpegQuantTable = std::array<std::uint16_t, 64>;

enum class JpegBaseTable { kAnnexKLuma, kAnnexKChroma, kOwnLuma, kOwnChroma };

// Steps of at most 255 for baseline files, else of 32767.
JpegQuantTable jpeg_quality_table(int quality, JpegBaseTable base, std::uint16_t largest = 255);

// The quality whose luma table, of either kind, is nearest to table. Exact for files written with one of
// them.
int nearest_jpeg_quality(const JpegQuantTable& table);

}  // namespace optimilter
