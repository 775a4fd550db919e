// SPDX-License-Identifier: Apache-2.0
//
// Checks a GIF result against the file it would replace, from the bytes of both alone: the blocks must say
// the same, and libvips' decoder (libnsgif), which shares nothing with ours, must show the same frames.
#include <vips/vips.h>

#include <algorithm>
#include <cstring>

#include "optimizers/c_handles.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/gif_blocks.hpp"
#include "optimizers/gif_limits.hpp"

namespace optimilter {

namespace {

struct RegionUnref {
    void operator()(VipsRegion* region) const { g_object_unref(region); }
};

// All frames of a file below each other, decoded one after the other as they are asked for.
class Frames {
  public:
    explicit Frames(ByteView file) {
        VipsImage* image = nullptr;
        if (vips_gifload_buffer(const_cast<std::uint8_t*>(file.data()), file.size(), &image, "n", -1,
                                "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_WARNING,
                                nullptr) == 0) {
            image_.reset(image);
            region_.reset(vips_region_new(image));
        }
        vips_error_clear();
    }

    bool open() const { return image_ != nullptr && image_->BandFmt == VIPS_FORMAT_UCHAR; }
    int width() const { return image_->Xsize; }
    int height() const { return image_->Ysize; }
    int bands() const { return image_->Bands; }
    // Decodes rows from top on; false when that fails. They are valid until the next call.
    bool prepare(int top, int rows) {
        const VipsRect rect{0, top, width(), rows};
        const bool fine = vips_region_prepare(region_.get(), &rect) == 0;
        vips_error_clear();
        return fine;
    }
    const std::uint8_t* row(int y) const { return VIPS_REGION_ADDR(region_.get(), 0, y); }

  private:
    VipsImageHandle image_;
    std::unique_ptr<VipsRegion, RegionUnref> region_;
};

struct Pixel {
    std::uint8_t r, g, b, a;
    friend bool operator==(const Pixel&, const Pixel&) = default;
};

// libvips gives out gray and alpha only where they are needed.
Pixel pixel_of(const std::uint8_t* p, int bands) {
    if (bands < 3) return {p[0], p[0], p[0], bands == 2 ? p[1] : std::uint8_t{255}};
    return {p[0], p[1], p[2], bands == 4 ? p[3] : std::uint8_t{255}};
}

bool same_row(const std::uint8_t* a, int bands_a, const std::uint8_t* b, int bands_b, int width) {
    if (bands_a == bands_b)
        return std::memcmp(a, b, static_cast<std::size_t>(width) * static_cast<std::size_t>(bands_a)) == 0;
    for (int x = 0; x < width; ++x)
        if (pixel_of(a + x * bands_a, bands_a) != pixel_of(b + x * bands_b, bands_b)) return false;
    return true;
}

bool shines_through(const std::uint8_t* row, int bands, int width) {
    if (bands == 1 || bands == 3) return false;
    for (int x = 0; x < width; ++x)
        if (row[x * bands + bands - 1] != 255) return true;
    return false;
}

// Empty when both show the very same. opaque: the result may show no hole either.
std::string compare_frames(Frames& a, Frames& b, int frame_height, bool opaque, Deadline deadline) {
    if (!a.open() || !b.open()) return "does not decode";
    if (a.width() != b.width() || a.height() != b.height()) return "number or size of frames differs";
    for (int top = 0; top < a.height(); top += frame_height) {
        if (deadline.expired()) return "no time left to verify";
        const int rows = std::min(frame_height, a.height() - top);
        if (!a.prepare(top, rows) || !b.prepare(top, rows)) return "does not decode";
        for (int y = top; y < top + rows; ++y) {
            if (!same_row(a.row(y), a.bands(), b.row(y), b.bands(), a.width())) return "pixels differ";
            if (opaque && shines_through(b.row(y), b.bands(), b.width()))
                return "transparency where it would show";
        }
    }
    return {};
}

// What a frame says apart from its pixels. added: it has got a transparent colour.
std::string compare_frame(const GifFrame& a, const GifFrame& b, bool& added) {
    if (a.control.has_value() != b.control.has_value()) return "control of a frame lost or added";
    if (!a.control) return {};
    GifControl control = *b.control;
    control.transparent_index = a.control->transparent_index;
    if (!a.control->transparent && b.control->transparent) {
        added = true;
        control.transparent = false;
    }
    return control == *a.control ? std::string() : "delay, disposal or transparency of a frame differs";
}

bool same_block(const GifBlock& a, const GifBlock& b) {
    return a.kind == b.kind && a.frame == b.frame && as_text(a.bytes) == as_text(b.bytes);
}

// The background colour counts where the file says one that it has.
bool same_background(const GifFile& a, const GifFile& b) {
    if (a.background >= a.palette.size()) return a.background == b.background;
    return b.background < b.palette.size() && a.palette[a.background] == b.palette[b.background];
}

std::string compare_screens(const GifFile& a, const GifFile& b) {
    if (a.width != b.width || a.height != b.height || a.aspect != b.aspect || a.version_89a != b.version_89a)
        return "screen differs";
    if (!same_background(a, b)) return "background colour differs";
    if (a.frames.size() != b.frames.size()) return "number or size of frames differs";
    if (!std::equal(a.blocks.begin(), a.blocks.end(), b.blocks.begin(), b.blocks.end(), same_block))
        return "an extension is lost, changed or moved";
    if (a.frames[0].rect != b.frames[0].rect) return "first frame has another size";
    return {};
}

constexpr unsigned kToBackground = 2;

// Places of the other frames: within the old ones, and the old ones where a frame is cleared away.
std::string compare_places(const GifFrame& a, const GifFrame& b) {
    if (a.rect == b.rect) return {};
    if (a.control && a.control->disposal >= kToBackground && a.control->disposal != 3)
        return "a frame that is cleared away has another size";
    const bool inside = b.rect.left >= a.rect.left && b.rect.top >= a.rect.top &&
                        b.rect.left + b.rect.width <= a.rect.left + a.rect.width &&
                        b.rect.top + b.rect.height <= a.rect.top + a.rect.height;
    return inside ? std::string() : "a frame lies elsewhere";
}

bool clears_frames(const GifFile& file) {
    return std::any_of(file.frames.begin(), file.frames.end(), [](const GifFrame& frame) {
        return frame.control && frame.control->disposal >= kToBackground && frame.control->disposal != 3;
    });
}

}  // namespace

std::string verify_gif(ByteView input, const Attempt& attempt, Context& context) {
    if (attempt.score || attempt.converted_to != Format::kUnknown) return "loss where there may be none";
    const Result<GifFile> a = read_gif(input);
    const Result<GifFile> b = read_gif(attempt.output);
    if (!a || !b) return "no valid GIF file";
    if (std::string why = compare_screens(*a, *b); !why.empty()) return why;
    bool added = false;
    for (std::size_t i = 0; i < a->frames.size(); ++i) {
        if (std::string why = compare_frame(a->frames[i], b->frames[i], added); !why.empty()) return why;
        if (std::string why = compare_places(a->frames[i], b->frames[i]); !why.empty()) return why;
    }
    // Some viewers clear a frame to another colour when it has a transparent one.
    if (added && clears_frames(*a)) return "transparency added where frames are cleared";
    Frames frames_a(input);
    Frames frames_b(attempt.output);
    return compare_frames(frames_a, frames_b, a->height, added, context.budget.deadline());
}

}  // namespace optimilter
