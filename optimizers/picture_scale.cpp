// SPDX-License-Identifier: Apache-2.0
#include "optimizers/picture_scale.hpp"

#include <algorithm>
#include <cmath>

namespace optimilter {

namespace {

// A picture must be so many times as large as its use; below, scaling blurs more than it saves.
constexpr double kLeastShrink = 1.25;
// Below this a picture is an icon, and shows every sample it has.
constexpr std::uint32_t kLeastSide = 32;

// So that width is as wanted, to the pixel, and height is not less than its share.
PictureSize with_width(PictureSize size, std::uint32_t width) {
    const std::uint64_t height = (std::uint64_t{size.height} * width + size.width - 1) / size.width;
    return {width, static_cast<std::uint32_t>(height)};
}

PictureSize exchanged(PictureSize size) {
    return {size.height, size.width};
}

// The smallest of the same proportions that is not smaller than the use, across and down.
PictureSize covering(PictureSize size, PictureSize use) {
    const bool width_rules = std::uint64_t{use.width} * size.height >= std::uint64_t{use.height} * size.width;
    return width_rules ? with_width(size, use.width) : exchanged(with_width(exchanged(size), use.height));
}

}  // namespace

PictureSize size_for_use(PictureSize size, const PictureUse& use, bool turned) {
    if (use.width_px == 0 || use.height_px == 0 || size.width == 0 || size.height == 0) return size;
    PictureSize target = covering(size, {use.width_px, use.height_px});
    if (turned) {
        const PictureSize other = covering(size, {use.height_px, use.width_px});
        if (other.width > target.width) target = other;
    }
    const bool hardly_larger =
        target.width * kLeastShrink > size.width || target.height * kLeastShrink > size.height;
    return hardly_larger || std::min(target.width, target.height) < kLeastSide ? size : target;
}

bool is_cut_to_use(PictureSize size, const PictureUse& use) {
    if (use.width_px == 0 || use.height_px == 0) return false;
    return size.width == use.width_px || size.height == use.height_px || size.width == use.height_px ||
           size.height == use.width_px;
}

bool size_is_allowed(PictureSize size, PictureSize result, const PictureUse& use) {
    if (result == size) return true;
    if (use.width_px == 0 || use.height_px == 0) return false;
    if (result.width > size.width || result.height > size.height) return false;
    if (result.width < use.width_px || result.height < use.height_px) return false;
    // One pixel more or less on the shorter side of the result is the rounding of its size.
    const std::uint64_t across = std::uint64_t{result.width} * size.height;
    const std::uint64_t down = std::uint64_t{result.height} * size.width;
    const std::uint64_t apart = across > down ? across - down : down - across;
    return apart <= std::max(size.width, size.height);
}

}  // namespace optimilter
