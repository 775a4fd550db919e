// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_quantize.hpp"

#include <dlfcn.h>
#include <libimagequant.h>

#include <algorithm>
#include <memory>

#include "optimizers/effort.hpp"
#include "optimizers/picture_score.hpp"
#include "optimizers/png_likeness.hpp"

namespace optimilter {

namespace {

constexpr int kSpeed = 4;
constexpr int kFastSpeed = 8;
constexpr std::size_t kFastFromPixels = 6'000'000;
// Above this quality more colours mostly cost bytes only.
constexpr int kQualityEnough = 95;
// What a further palette makes of the distance at best: beyond that none is made.
constexpr double kMostGained = 0.65;
// A tile counts at least so much as the worst one times its square.
constexpr float kLeastOfWorst = 0.05f;

struct FreeAttr {
    void operator()(liq_attr* attr) const { liq_attr_destroy(attr); }
};
struct FreeImage {
    void operator()(liq_image* image) const { liq_image_destroy(image); }
};
struct FreeResult {
    void operator()(liq_result* result) const { liq_result_destroy(result); }
};
using AttrHandle = std::unique_ptr<liq_attr, FreeAttr>;
using ImageHandle = std::unique_ptr<liq_image, FreeImage>;
using ResultHandle = std::unique_ptr<liq_result, FreeResult>;

// Debian builds libimagequant with OpenMP, and the worker may not start threads. Its runtime is looked up by
// name because we do not link it ourselves.
void stay_single_threaded() {
    using SetThreads = void (*)(int);
    if (const auto set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads")))
        set_threads(1);
}

int keep_going(float, void* deadline) {
    return static_cast<const Deadline*>(deadline)->expired() ? 0 : 1;
}

Error refusal(liq_error error) {
    switch (error) {
        case LIQ_QUALITY_TOO_LOW:
            return {ErrorCode::kRefused, "palette below the quality floor"};
        case LIQ_ABORTED:
            return {ErrorCode::kDeadline, "deadline"};
        default:
            return {ErrorCode::kLimit, "libimagequant could not make a palette"};
    }
}

Bytes rgba_bytes(const PngPicture& picture) {
    Bytes bytes(std::size_t{picture.width} * picture.height * 4);
    std::vector<Rgba> pixels(picture.width);
    std::uint8_t* to = bytes.data();
    for (std::uint32_t y = 0; y < picture.height; ++y) {
        expand_row(picture.layout, picture.row(y), picture.width, pixels.data());
        pack_row({PngColor::kRgba, 8, {}, {}}, nullptr, pixels.data(), picture.width, to);
        to += std::size_t{picture.width} * 4;
    }
    return bytes;
}

std::vector<Rgba> palette_of(liq_result* result) {
    const liq_palette* palette = liq_get_palette(result);
    std::vector<Rgba> colors;
    for (unsigned i = 0; i < palette->count; ++i) {
        const liq_color& c = palette->entries[i];
        colors.push_back(make_rgba(c.r, c.g, c.b, c.a));
    }
    return colors;
}

// Palettes for one picture: a first one as libimagequant finds it, and where that falls short others, for
// whose colours the places that came out worst count more. The score is made of these places, the mean error
// that libimagequant lowers is not.
class PaletteSearch {
  public:
    PaletteSearch(const PngPicture& picture, unsigned most_colors, PaletteColors colors,
                  const Options& options, Deadline deadline)
        : picture_(picture),
          rgba_(rgba_bytes(picture)),
          most_colors_(std::clamp(most_colors, 2u, 256u)),
          colors_(colors),
          options_(options),
          deadline_(deadline) {}

    Result<QuantizedPicture> run() {
        const Stopwatch stopwatch;
        for (int tries = effort_settings(options_).png_palettes; tries > 0; --tries) {
            Result<PngPicture> indexed = make_palette();
            if (!indexed) return indexed.error();
            if (deadline_.expired()) return refusal(LIQ_ABORTED);
            const Likeness likeness =
                measure_palette_likeness(rgba_, rgba_bytes(*indexed), picture_.width, picture_.height);
            if (likeness.acceptable(options_)) return QuantizedPicture{std::move(*indexed), likeness.score};
            if (hopeless(likeness, indexed->layout.palette.size())) break;
            if (deadline_.short_of_time(2 * stopwatch.elapsed_ms() >
                                        static_cast<double>(deadline_.remaining_ms())))
                break;
            weigh(likeness.tiles);
        }
        return Error{ErrorCode::kRefused, "palette looks too different"};
    }

  private:
    // The first palette has no more colours than it needs unless told so; the others have all they may.
    AttrHandle make_attr() {
        AttrHandle attr(liq_attr_create());
        if (!attr) return attr;
        const int floor = std::min<int>(options_.png_quality_min, 100);
        const bool all = colors_ == PaletteColors::kAll || !weights_.empty();
        liq_set_quality(attr.get(), floor, all ? 100 : std::max(floor, kQualityEnough));
        liq_set_max_colors(attr.get(), static_cast<int>(most_colors_));
        liq_set_speed(attr.get(), rgba_.size() / 4 > kFastFromPixels ? kFastSpeed : kSpeed);
        liq_attr_set_progress_callback(attr.get(), keep_going, &deadline_);
        return attr;
    }

    // The image only borrows the samples and does not write to them.
    ImageHandle make_image(liq_attr* attr) {
        ImageHandle image(liq_image_create_rgba(attr, rgba_.data(), static_cast<int>(picture_.width),
                                                static_cast<int>(picture_.height), 0));
        if (!image || weights_.empty()) return image;
        Bytes map = importance();
        if (liq_image_set_importance_map(image.get(), map.data(), map.size(), LIQ_COPY_PIXELS) != LIQ_OK)
            image.reset();
        return image;
    }

    Result<PngPicture> make_palette() {
        const AttrHandle attr = make_attr();
        if (!attr) return refusal(LIQ_OUT_OF_MEMORY);
        const ImageHandle image = make_image(attr.get());
        if (!image) return refusal(LIQ_OUT_OF_MEMORY);
        liq_result* made = nullptr;
        if (const liq_error error = liq_image_quantize(image.get(), attr.get(), &made); error != LIQ_OK)
            return refusal(error);
        const ResultHandle result(made);
        liq_result_set_progress_callback(result.get(), keep_going, &deadline_);
        liq_set_dithering_level(result.get(), 1.0f);
        PngPicture indexed{picture_.width, picture_.height, {PngColor::kIndexed, 8, {}, {}}, {}};
        indexed.rows.resize(indexed.row_bytes() * indexed.height);
        const liq_error error =
            liq_write_remapped_image(result.get(), image.get(), indexed.rows.data(), indexed.rows.size());
        if (error != LIQ_OK) return refusal(error);
        indexed.layout.palette = palette_of(result.get());
        return indexed;
    }

    bool hopeless(const Likeness& likeness, std::size_t colors) const {
        const double wanted = distance_of_score(likeness.least_score(options_));
        return colors == most_colors_ && distance_of_score(likeness.score) * kMostGained > wanted;
    }

    void weigh(const std::vector<float>& tiles) {
        const float worst = *std::max_element(tiles.begin(), tiles.end());
        weights_.resize(tiles.size(), 1.0f);
        for (std::size_t i = 0; i < tiles.size(); ++i) {
            const float share = std::max(tiles[i] / worst, kLeastOfWorst);
            weights_[i] *= share * share;
        }
    }

    // A byte a pixel.
    Bytes importance() const {
        const float largest = *std::max_element(weights_.begin(), weights_.end());
        const std::size_t columns = (picture_.width + kScoreTileSide - 1) / kScoreTileSide;
        Bytes map;
        map.reserve(std::size_t{picture_.width} * picture_.height);
        for (std::uint32_t y = 0; y < picture_.height; ++y) {
            const float* row = weights_.data() + y / kScoreTileSide * columns;
            for (std::uint32_t x = 0; x < picture_.width; ++x) {
                const float share = row[x / kScoreTileSide] / largest;
                map.push_back(static_cast<std::uint8_t>(std::max(1.0f, 255.0f * share)));
            }
        }
        return map;
    }

    const PngPicture& picture_;
    Bytes rgba_;
    unsigned most_colors_;
    PaletteColors colors_;
    const Options& options_;
    Deadline deadline_;
    std::vector<float> weights_;  // of tiles; empty for the first palette
};

}  // namespace

Result<QuantizedPicture> quantize_picture(const PngPicture& picture, unsigned most_colors,
                                          PaletteColors colors, const Options& options, Deadline deadline) {
    stay_single_threaded();
    return PaletteSearch(picture, most_colors, colors, options, deadline).run();
}

}  // namespace optimilter
