// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_reduce.hpp"

#include <algorithm>
#include <numeric>

#include "optimizers/png_metadata.hpp"
#include "optimizers/png_order.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kLargestPalette = 256;
constexpr std::uint32_t kRowsPerDeadlineCheck = 64;

// Collects the survey pixel by pixel.
class Surveyor {
  public:
    void take(const Rgba* pixels, std::uint32_t width) {
        Rgba last = ~pixels[0];
        for (std::uint32_t x = 0; x < width; ++x) {
            if (pixels[x] != last) meet(last = pixels[x]);
            if (survey_.few_colors) ++survey_.uses[place_];
        }
    }
    ColorSurvey finish() { return std::move(survey_); }

  private:
    void meet(Rgba p) {
        if (survey_.few_colors) {
            const std::size_t known = survey_.colors.size();
            const std::size_t before = place_;
            place_ = place_of(p);
            ++survey_.follows[before * kLargestPalette + place_];
            if (survey_.few_colors && survey_.colors.size() == known) return;
        }
        if (alpha(p) != 255) survey_.opaque = false;
        if (red(p) != green(p) || green(p) != blue(p)) survey_.gray = false;
        while (survey_.gray_depth < 8 && red(p) % (255u / ((1u << survey_.gray_depth) - 1)) != 0)
            survey_.gray_depth *= 2;
    }

    std::size_t place_of(Rgba p) {
        std::size_t slot = (p * 0x9E3779B1u) >> 22;
        while (places_[slot] != 0 && survey_.colors[places_[slot] - 1u] != p) slot = (slot + 1) % kSlots;
        if (places_[slot] != 0) return places_[slot] - 1u;
        if (survey_.colors.size() == kLargestPalette) {
            survey_.few_colors = false;
            return 0;
        }
        survey_.colors.push_back(p);
        survey_.uses.push_back(0);
        places_[slot] = static_cast<std::uint16_t>(survey_.colors.size());
        return survey_.colors.size() - 1;
    }

    static constexpr std::size_t kSlots = 1024;
    std::array<std::uint16_t, kSlots> places_{};  // place in colors + 1
    std::size_t place_ = 0;
    ColorSurvey survey_;
};

// ---- 16 bits a sample: looked at as pairs of bytes.

template <typename Predicate>
bool every_pixel(const PngPicture& picture, Predicate predicate) {
    const std::size_t size = picture.layout.bits_per_pixel() / 8;
    for (std::size_t i = 0; i < picture.rows.size(); i += size)
        if (!predicate(picture.rows.data() + i)) return false;
    return true;
}

// Keeps, of every pixel, the bytes at the given places.
PngPicture pick_bytes(const PngPicture& picture, const PngLayout& layout,
                      const std::vector<std::size_t>& places) {
    PngPicture result{picture.width, picture.height, layout, {}};
    result.rows.reserve(result.row_bytes() * picture.height);
    const std::size_t size = picture.layout.bits_per_pixel() / 8;
    for (std::size_t i = 0; i < picture.rows.size(); i += size)
        for (const std::size_t place : places) result.rows.push_back(picture.rows[i + place]);
    return result;
}

bool halves_agree(const PngPicture& picture) {
    for (std::size_t i = 0; i < picture.rows.size(); i += 2)
        if (picture.rows[i] != picture.rows[i + 1]) return false;
    return true;
}

PngColor without_channel(PngColor color, bool alpha_goes) {
    if (alpha_goes) return color == PngColor::kRgba ? PngColor::kRgb : PngColor::kGray;
    return color == PngColor::kRgba ? PngColor::kGrayAlpha : PngColor::kGray;
}

void drop_opaque_alpha(const PngFile& file, PngPicture& picture) {
    if (!has_alpha(picture.layout.color)) return;
    const std::size_t at = picture.layout.bits_per_pixel() / 8 - 2;
    const PngLayout layout{without_channel(picture.layout.color, true), 16, {}, {}};
    if (!metadata_allows(file, layout)) return;
    if (!every_pixel(picture, [at](const std::uint8_t* p) { return (p[at] & p[at + 1]) == 255; })) return;
    std::vector<std::size_t> places(at);
    std::iota(places.begin(), places.end(), std::size_t{0});
    picture = pick_bytes(picture, layout, places);
}

void drop_equal_colors(const PngFile& file, PngPicture& picture) {
    if (is_gray(picture.layout.color) || picture.layout.key) return;
    const PngLayout layout{without_channel(picture.layout.color, false), 16, {}, {}};
    if (!metadata_allows(file, layout)) return;
    const bool gray = every_pixel(picture, [](const std::uint8_t* p) {
        return p[0] == p[2] && p[2] == p[4] && p[1] == p[3] && p[3] == p[5];
    });
    if (!gray) return;
    const bool translucent = has_alpha(layout.color);
    picture = pick_bytes(picture, layout,
                         translucent ? std::vector<std::size_t>{0, 1, 6, 7} : std::vector<std::size_t>{0, 1});
}

void drop_low_bytes(const PngFile& file, PngPicture& picture) {
    PngLayout layout{picture.layout.color, 8, {}, picture.layout.key};
    if (layout.key) {
        for (std::uint16_t& sample : *layout.key) {
            if (sample % 257 != 0) return;
            sample = static_cast<std::uint16_t>(sample / 257);
        }
    }
    if (!metadata_allows(file, layout) || !halves_agree(picture)) return;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < picture.layout.bits_per_pixel() / 8; i += 2) places.push_back(i);
    picture = pick_bytes(picture, layout, places);
}

// ---- Layouts for up to 8 bits a sample.

std::uint8_t gray_sample(unsigned gray, unsigned depth) {
    return static_cast<std::uint8_t>(gray >> (8 - depth));
}

// The transparent colour on the scale of 8 bits, when the picture has one and it is gray.
std::optional<unsigned> gray_key(const PngLayout& layout) {
    if (!layout.key) return std::nullopt;
    const PngColorKey& key = *layout.key;
    if (key[0] != key[1] || key[1] != key[2]) return std::nullopt;
    return key[0] * 255u / ((1u << layout.bit_depth) - 1);
}

std::vector<PngLayout> gray_layouts(const PngPicture& picture, const ColorSurvey& survey) {
    std::vector<PngLayout> layouts;
    const std::optional<unsigned> key = gray_key(picture.layout);
    for (unsigned depth = survey.gray_depth; depth <= 8; depth *= 2) {
        PngLayout layout{PngColor::kGray, static_cast<std::uint8_t>(depth), {}, {}};
        if (!survey.opaque) {
            if (!key) break;
            const std::uint16_t sample = gray_sample(*key, depth);
            layout.key = PngColorKey{sample, sample, sample};
        }
        layouts.push_back(layout);
    }
    if (!survey.opaque) layouts.push_back({PngColor::kGrayAlpha, 8, {}, {}});
    return layouts;
}

std::vector<PngLayout> direct_layouts(const PngPicture& picture, const ColorSurvey& survey) {
    std::vector<PngLayout> layouts;
    if (survey.gray) layouts = gray_layouts(picture, survey);
    if (survey.opaque) layouts.push_back({PngColor::kRgb, 8, {}, {}});
    if (!survey.opaque && picture.layout.color == PngColor::kRgb)
        layouts.push_back({PngColor::kRgb, 8, {}, picture.layout.key});
    layouts.push_back({PngColor::kRgba, 8, {}, {}});
    return layouts;
}

unsigned luminance(Rgba p) {
    return 299 * red(p) + 587 * green(p) + 114 * blue(p);
}

// Places of colors in a new order: those with transparency first, which keeps tRNS short, then by less().
template <typename Less>
std::vector<Rgba> ordered(const ColorSurvey& survey, Less less) {
    std::vector<std::size_t> places(survey.colors.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
        const bool opaque_a = alpha(survey.colors[a]) == 255;
        const bool opaque_b = alpha(survey.colors[b]) == 255;
        return opaque_a != opaque_b ? opaque_b : less(a, b);
    });
    std::vector<Rgba> colors;
    for (const std::size_t place : places) colors.push_back(survey.colors[place]);
    return colors;
}

// The used entries of the source's own palette, in its order.
std::vector<Rgba> own_order(const PngPicture& picture, const ColorSurvey& survey) {
    const ColorIndex used(survey.colors);
    std::vector<Rgba> colors;
    for (const Rgba p : picture.layout.palette)
        if (used.find(p) >= 0 && std::find(colors.begin(), colors.end(), p) == colors.end())
            colors.push_back(p);
    return colors;
}

// A background colour that no pixel has needs an entry of its own.
bool hold_background(const PngFile& file, std::vector<Rgba>& palette) {
    const std::optional<PngColorKey> color = background_color(file);
    if (!color) return true;
    for (const std::uint16_t sample : *color)
        if (sample % 257 != 0) return false;
    const Rgba wanted = make_rgba((*color)[0] / 257u, (*color)[1] / 257u, (*color)[2] / 257u, 255);
    const bool there = std::any_of(palette.begin(), palette.end(),
                                   [&](Rgba p) { return without_alpha(p) == without_alpha(wanted); });
    if (!there) palette.push_back(wanted);
    return palette.size() <= kLargestPalette;
}

std::uint8_t index_depth(std::size_t entries) {
    return entries <= 2 ? 1 : entries <= 4 ? 2 : entries <= 16 ? 4 : 8;
}

void add_indexed(const PngFile& file, std::vector<Rgba> palette, std::vector<PngLayout>& layouts) {
    if (!hold_background(file, palette)) return;
    PngLayout layout{PngColor::kIndexed, index_depth(palette.size()), std::move(palette), {}};
    const bool known = std::find(layouts.begin(), layouts.end(), layout) != layouts.end();
    if (!known && metadata_allows(file, layout)) layouts.push_back(std::move(layout));
}

// Up to count orders of a made palette, those that help most often first.
void add_orders(const PngFile& file, const ColorSurvey& survey, std::size_t count,
                std::vector<PngLayout>& layouts) {
    const auto by_light = [&](std::size_t a, std::size_t b) {
        return luminance(survey.colors[a]) < luminance(survey.colors[b]);
    };
    const auto by_use = [&](std::size_t a, std::size_t b) { return survey.uses[a] > survey.uses[b]; };
    const auto by_neighbours = [places = places_by_neighbours(survey)](std::size_t a, std::size_t b) {
        return places[a] < places[b];
    };
    add_indexed(file, ordered(survey, by_light), layouts);
    if (count > 1) add_indexed(file, ordered(survey, by_use), layouts);
    if (count > 2) add_indexed(file, ordered(survey, by_neighbours), layouts);
    if (count > 3)
        add_indexed(file, ordered(survey, [](std::size_t, std::size_t) { return false; }), layouts);
}

}  // namespace

Result<ColorSurvey> survey_colors(const PngPicture& picture, Deadline deadline) {
    Surveyor surveyor;
    std::vector<Rgba> pixels(picture.width);
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        if (y % kRowsPerDeadlineCheck == 0 && deadline.expired())
            return Error{ErrorCode::kDeadline, "deadline"};
        expand_row(picture.layout, picture.row(y), picture.width, pixels.data());
        surveyor.take(pixels.data(), picture.width);
    }
    return surveyor.finish();
}

PngPicture narrow_deep_picture(const PngFile& file, PngPicture picture) {
    if (picture.layout.bit_depth != 16) return picture;
    drop_low_bytes(file, picture);
    // The rest of the way is that of all 8-bit pictures.
    if (picture.layout.bit_depth != 16) return picture;
    drop_opaque_alpha(file, picture);
    drop_equal_colors(file, picture);
    return picture;
}

std::vector<PngLayout> candidate_layouts(const PngFile& file, const PngPicture& picture,
                                         const ColorSurvey& survey, unsigned orders) {
    std::vector<PngLayout> layouts;
    const std::vector<PngLayout> direct = direct_layouts(picture, survey);
    const auto best = std::find_if(direct.begin(), direct.end(),
                                   [&](const PngLayout& layout) { return metadata_allows(file, layout); });
    const bool indexed = picture.layout.color == PngColor::kIndexed;
    if (best != direct.end()) layouts.push_back(*best);
    if (indexed) add_indexed(file, own_order(picture, survey), layouts);
    if (survey.few_colors) add_orders(file, survey, orders, layouts);
    if (layouts.empty() && metadata_allows(file, picture.layout)) layouts.push_back(picture.layout);
    return layouts;
}

}  // namespace optimilter
