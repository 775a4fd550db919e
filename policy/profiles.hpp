// SPDX-License-Identifier: Apache-2.0
//
// The named sets of picture settings. One table; single values are overridden by the settings of the same
// names (policy/settings.def). Thread safe: constants.
#pragma once

#include <cstdint>
#include <string_view>

namespace optimilter {

enum class ProfileName : std::uint8_t { kLossless, kBalanced, kCompact };

// "lossless", "balanced", "compact".
std::string_view profile_name(ProfileName profile);

struct Profile {
    ProfileName name = ProfileName::kBalanced;
    bool lossy = false;  // false: nothing below but jpeg_progressive is used
    bool jpeg_progressive = true;
    std::uint8_t jpeg_quality_max = 100;  // libjpeg quality
    std::uint8_t jpeg_quality_min = 100;
    double score_min = 1.0;          // 0.0 .. 1.0, optimizers/picture_score.hpp and doc/score.md
    double score_min_text = 1.0;     // the same for pictures of text, screens and drawings
    std::uint32_t max_side_px = 0;   // 0: never scaled down
    std::uint32_t document_ppi = 0;  // 0: never scaled down
    bool png_quantize = false;
    std::uint8_t png_quality_min = 100;  // libimagequant quality
    bool keep_gps = true;
    std::uint32_t convert_formats = 0;  // one bit a Format
};

const Profile& find_profile(ProfileName profile);

}  // namespace optimilter
