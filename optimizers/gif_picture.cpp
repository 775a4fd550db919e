// SPDX-License-Identifier: Apache-2.0
#include "optimizers/gif_picture.hpp"

#include <algorithm>

#include "optimizers/gif_lzw.hpp"

namespace optimilter {

namespace {

// GIF89a section 23, disposal method.
enum Disposal : unsigned { kKeep = 1, kToBackground = 2, kToPrevious = 3 };

unsigned disposal_of(const GifFrame& frame) {
    return frame.control ? frame.control->disposal : 0u;
}

// The order of rows in an interlaced frame, GIF89a appendix E.
Bytes put_rows_in_order(const Bytes& pixels, const GifRect& rect) {
    Bytes ordered(pixels.size());
    const std::size_t width = rect.width;
    std::size_t from = 0;
    constexpr std::pair<unsigned, unsigned> kPasses[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    for (const auto& [first, step] : kPasses)
        for (std::size_t y = first; y < rect.height; y += step, from += width)
            std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(from), width,
                        ordered.begin() + static_cast<std::ptrdiff_t>(y * width));
    return ordered;
}

std::vector<GifColor> colors_of(const GifFile& file, const GifFrame& frame, const Bytes& pixels) {
    std::vector<GifColor> values = file.palette_of(frame);
    values.resize(256);
    if (frame.control && frame.control->transparent) values[frame.control->transparent_index] = kThrough;
    std::vector<GifColor> colors(pixels.size());
    std::transform(pixels.begin(), pixels.end(), colors.begin(), [&](std::uint8_t p) { return values[p]; });
    return colors;
}

// The screen while the frames come and go; they lie within it.
class Screen {
  public:
    explicit Screen(const GifFile& file)
        : width_(file.width), cells_(std::size_t{file.width} * file.height, kNothing) {}

    // Draws colors and says which of them change nothing; those become what the screen has there already.
    Bytes draw(const GifRect& rect, std::vector<GifColor>& colors) {
        Bytes free(colors.size());
        std::size_t i = 0;
        for (std::size_t y = 0; y < rect.height; ++y) {
            GifColor* const row = row_of(rect, y);
            for (std::size_t x = 0; x < rect.width; ++x, ++i) {
                free[i] = colors[i] == kThrough || colors[i] == row[x];
                if (colors[i] != kThrough) row[x] = colors[i];
                if (row[x] != kNothing) colors[i] = row[x];
            }
        }
        return free;
    }
    void remember() { previous_ = cells_; }
    void restore() { cells_.swap(previous_); }
    void clear(const GifRect& rect) {
        for (std::size_t y = 0; y < rect.height; ++y) std::fill_n(row_of(rect, y), rect.width, kNothing);
    }
    bool covered() const { return std::find(cells_.begin(), cells_.end(), kNothing) == cells_.end(); }

  private:
    GifColor* row_of(const GifRect& rect, std::size_t y) {
        return cells_.data() + (rect.top + y) * width_ + rect.left;
    }
    std::size_t width_;
    std::vector<GifColor> cells_;
    std::vector<GifColor> previous_;
};

// The smallest part of rect that holds all pixels which are not free; one pixel when all are.
GifRect needed_part(const GifRect& rect, const Bytes& free) {
    std::size_t left = rect.width;
    std::size_t right = 0;
    std::size_t top = rect.height;
    std::size_t bottom = 0;
    for (std::size_t y = 0, i = 0; y < rect.height; ++y) {
        for (std::size_t x = 0; x < rect.width; ++x, ++i) {
            if (free[i] != 0) continue;
            left = std::min(left, x);
            right = std::max(right, x + 1);
            top = std::min(top, y);
            bottom = y + 1;
        }
    }
    if (right == 0) return {rect.left, rect.top, 1, 1};
    return {static_cast<std::uint16_t>(rect.left + left), static_cast<std::uint16_t>(rect.top + top),
            static_cast<std::uint16_t>(right - left), static_cast<std::uint16_t>(bottom - top)};
}

template <typename Rows>
Rows cut_out(const Rows& rows, const GifRect& from, const GifRect& part) {
    Rows result;
    result.reserve(part.pixels());
    for (std::size_t y = 0; y < part.height; ++y) {
        const auto begin =
            static_cast<std::ptrdiff_t>((part.top - from.top + y) * from.width + (part.left - from.left));
        result.insert(result.end(), rows.begin() + begin, rows.begin() + begin + part.width);
    }
    return result;
}

// The frame cut down to what changes the screen. What a frame covers is what is cleared after it, so those
// that are cleared keep their place.
ShownFrame cut_down(const GifFrame& frame, std::vector<GifColor> colors, Bytes free) {
    const GifRect part = disposal_of(frame) == kToBackground ? frame.rect : needed_part(frame.rect, free);
    if (part == frame.rect) return {part, std::move(colors), std::move(free)};
    return {part, cut_out(colors, frame.rect, part), cut_out(free, frame.rect, part)};
}

bool well_defined(const GifFile& file) {
    return std::all_of(file.frames.begin(), file.frames.end(),
                       [](const GifFrame& frame) { return disposal_of(frame) <= kToPrevious; });
}

void dispose(Screen& screen, const GifFrame& frame) {
    if (disposal_of(frame) == kToBackground) screen.clear(frame.rect);
    if (disposal_of(frame) == kToPrevious) screen.restore();
}

}  // namespace

Result<Bytes> decode_frame(const GifFile& file, const GifFrame& frame) {
    Result<Bytes> pixels =
        decode_lzw(join_sub_blocks(frame.blocks), frame.min_code_size, frame.rect.pixels());
    if (!pixels) return pixels;
    const std::size_t colors = file.palette_of(frame).size();
    const bool has_key = frame.control && frame.control->transparent;
    for (const std::uint8_t p : *pixels)
        if (p >= colors && !(has_key && p == frame.control->transparent_index))
            return Error{ErrorCode::kMalformed, "GIF: palette index out of range"};
    return frame.interlaced ? put_rows_in_order(*pixels, frame.rect) : std::move(*pixels);
}

Result<ShownGif> show_gif(const GifFile& file, Deadline deadline) {
    ShownGif shown;
    const bool rendered = file.frames.size() > 1 && well_defined(file);
    Screen screen(rendered ? file : GifFile());
    shown.covered = rendered;
    for (std::size_t i = 0; i < file.frames.size(); ++i) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        const GifFrame& frame = file.frames[i];
        const Result<Bytes> pixels = decode_frame(file, frame);
        if (!pixels) return pixels.error();
        std::vector<GifColor> colors = colors_of(file, frame, *pixels);
        if (!rendered) {
            shown.frames.push_back({frame.rect, std::move(colors), {}});
            continue;
        }
        if (disposal_of(frame) == kToPrevious) screen.remember();
        // The first frame stays as it is: many viewers show nothing else, some size their window by it.
        std::vector<GifColor> first = i == 0 ? colors : std::vector<GifColor>();
        Bytes free = screen.draw(frame.rect, colors);
        shown.covered = shown.covered && screen.covered();
        shown.frames.push_back(i == 0 ? ShownFrame{frame.rect, std::move(first), {}}
                                      : cut_down(frame, std::move(colors), std::move(free)));
        dispose(screen, frame);
    }
    return shown;
}

}  // namespace optimilter
