// SPDX-License-Identifier: Apache-2.0
#include "optimizers/png_quantize.hpp"

#include <dlfcn.h>
#include <libimagequant.h>

#include <algorithm>
#include <memory>

#include "optimizers/png_likeness.hpp"

namespace optimilter {

namespace {

constexpr int kSpeed = 4;
constexpr int kFastSpeed = 8;
constexpr std::size_t kFastFromPixels = 6'000'000;
// Above this quality more colours only cost bytes.
constexpr int kQualityEnough = 95;

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

AttrHandle make_attr(std::size_t pixels, unsigned most_colors, const Options& options, Deadline& deadline) {
    AttrHandle attr(liq_attr_create());
    if (!attr) return attr;
    const int floor = std::min<int>(options.png_quality_min, 100);
    liq_set_quality(attr.get(), floor, std::max(floor, kQualityEnough));
    liq_set_max_colors(attr.get(), static_cast<int>(std::clamp(most_colors, 2u, 256u)));
    liq_set_speed(attr.get(), pixels > kFastFromPixels ? kFastSpeed : kSpeed);
    liq_attr_set_progress_callback(attr.get(), keep_going, &deadline);
    return attr;
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

Result<PngPicture> remap(const PngPicture& picture, ByteView rgba, liq_attr* attr, Deadline& deadline) {
    // The image only borrows the samples and does not write to them.
    ImageHandle image(liq_image_create_rgba(attr, rgba.data(), static_cast<int>(picture.width),
                                            static_cast<int>(picture.height), 0));
    if (!image) return refusal(LIQ_OUT_OF_MEMORY);
    liq_result* made = nullptr;
    if (const liq_error error = liq_image_quantize(image.get(), attr, &made); error != LIQ_OK)
        return refusal(error);
    ResultHandle result(made);
    liq_result_set_progress_callback(result.get(), keep_going, &deadline);
    liq_set_dithering_level(result.get(), 1.0f);
    PngPicture indexed{picture.width, picture.height, {PngColor::kIndexed, 8, {}, {}}, {}};
    indexed.rows.resize(indexed.row_bytes() * indexed.height);
    const liq_error error =
        liq_write_remapped_image(result.get(), image.get(), indexed.rows.data(), indexed.rows.size());
    if (error != LIQ_OK) return refusal(error);
    indexed.layout.palette = palette_of(result.get());
    return indexed;
}

}  // namespace

Result<QuantizedPicture> quantize_picture(const PngPicture& picture, unsigned most_colors,
                                          const Options& options, Deadline deadline) {
    stay_single_threaded();
    const Bytes rgba = rgba_bytes(picture);
    const AttrHandle attr = make_attr(rgba.size() / 4, most_colors, options, deadline);
    if (!attr) return refusal(LIQ_OUT_OF_MEMORY);
    Result<PngPicture> indexed = remap(picture, rgba, attr.get(), deadline);
    if (!indexed) return indexed.error();
    if (deadline.expired()) return refusal(LIQ_ABORTED);
    const Likeness likeness =
        measure_palette_likeness(rgba, rgba_bytes(*indexed), picture.width, picture.height);
    if (!likeness.acceptable(options)) return Error{ErrorCode::kRefused, "palette looks too different"};
    return QuantizedPicture{std::move(*indexed), likeness.score};
}

}  // namespace optimilter
