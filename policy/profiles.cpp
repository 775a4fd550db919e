// SPDX-License-Identifier: Apache-2.0
#include "policy/profiles.hpp"

#include <iterator>

#include "optimizers/format.hpp"

namespace optimilter {

namespace {

constexpr Profile kLosslessProfile{.name = ProfileName::kLossless};

constexpr Profile kBalancedProfile{
    .name = ProfileName::kBalanced,
    .lossy = true,
    .jpeg_quality_max = 85,
    .jpeg_quality_min = 60,
    .score_min = 0.95,
    .score_min_text = 0.96,
    .max_side_px = 4096,
    .document_ppi = 220,
    .png_quantize = true,
    .png_quality_min = 80,
};

constexpr Profile kCompactProfile{
    .name = ProfileName::kCompact,
    .lossy = true,
    .jpeg_quality_max = 78,
    .jpeg_quality_min = 45,
    .score_min = 0.93,
    .score_min_text = 0.945,
    .max_side_px = 2048,
    .document_ppi = 150,
    .png_quantize = true,
    .png_quality_min = 65,
    .convert_formats = 1u << static_cast<unsigned>(Format::kBmp),
};

}  // namespace

std::string_view profile_name(ProfileName profile) {
    switch (profile) {
        case ProfileName::kLossless:
            return "lossless";
        case ProfileName::kBalanced:
            return "balanced";
        case ProfileName::kCompact:
            return "compact";
    }
    return "lossless";
}

const Profile& find_profile(ProfileName profile) {
    switch (profile) {
        case ProfileName::kLossless:
            return kLosslessProfile;
        case ProfileName::kBalanced:
            return kBalancedProfile;
        case ProfileName::kCompact:
            return kCompactProfile;
    }
    return kLosslessProfile;
}

}  // namespace optimilter
