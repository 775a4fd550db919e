// SPDX-License-Identifier: Apache-2.0
#include "optimizers/gif_palette.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <unordered_set>

#include "optimizers/png_picture.hpp"

namespace optimilter {

namespace {

constexpr std::size_t kMostColors = 256;
using ColorSet = std::unordered_set<GifColor>;

// The colours a frame cannot do without.
ColorSet needed_colors(const ShownFrame& frame, bool transparency) {
    ColorSet needed;
    // Most pixels have a colour that was there just before; asking the set takes long.
    std::array<GifColor, 1024> seen;
    seen.fill(kThrough);
    for (std::size_t i = 0; i < frame.colors.size(); ++i) {
        const GifColor color = frame.colors[i];
        GifColor& known = seen[(color * 0x9E3779B1u) >> 22];
        if (color == known || color == kThrough || (transparency && frame.is_free(i))) continue;
        needed.insert(color);
        known = color;
    }
    return needed;
}

bool needs_transparency(const ShownFrame& frame) {
    return std::find(frame.free.begin(), frame.free.end(), 1) != frame.free.end() ||
           std::find(frame.colors.begin(), frame.colors.end(), kThrough) != frame.colors.end();
}

// The wanted colours of a palette in its order, once each.
std::vector<GifColor> without_unused(const std::vector<GifColor>& palette, ColorSet wanted) {
    std::vector<GifColor> kept;
    for (const GifColor color : palette)
        if (wanted.erase(color) != 0) kept.push_back(color);
    return kept;
}

unsigned code_size_for(unsigned largest_index) {
    unsigned size = 2;
    while ((largest_index >> size) != 0) ++size;
    return size;
}

// Takes the frames one after the other and gives each its indexes.
class Indexer {
  public:
    Indexer(const GifFile& file, const ShownGif& shown) : file_(file), shown_(shown) {
        for (std::size_t i = 0; i < shown.frames.size(); ++i) {
            transparency_.push_back(may_be_transparent(file, shown, i));
            needed_.push_back(needed_colors(shown.frames[i], transparency_[i]));
        }
        result_.palettes.resize(shown.frames.size());
    }

    IndexedGif with_own_palettes() {
        ColorSet global = background_color();
        for (std::size_t i = 0; i < needed_.size(); ++i) {
            if (!needs_room(i)) transparency_[i] = false;
            if (file_.frames[i].palette.empty()) global.insert(needed_[i].begin(), needed_[i].end());
        }
        result_.palette = without_unused(file_.palette, std::move(global));
        for (std::size_t i = 0; i < needed_.size(); ++i)
            if (!file_.frames[i].palette.empty())
                result_.palettes[i] = without_unused(file_.frames[i].palette, needed_[i]);
        return finish();
    }

    std::optional<IndexedGif> with_one_palette() {
        ColorSet all = background_color();
        for (std::size_t i = 0; i < needed_.size(); ++i) {
            if (!needs_room(i)) transparency_[i] = false;
            all.insert(needed_[i].begin(), needed_[i].end());
        }
        if (all.size() > kMostColors) return std::nullopt;
        result_.palette = without_unused(file_.palette, all);
        const std::size_t before = result_.palette.size();
        for (const GifColor color : result_.palette) all.erase(color);
        for (const GifFrame& frame : file_.frames) {
            const std::vector<GifColor> more = without_unused(frame.palette, all);
            for (const GifColor color : more) all.erase(color);
            result_.palette.insert(result_.palette.end(), more.begin(), more.end());
        }
        result_.reordered = result_.palette.size() != before;
        return finish();
    }

  private:
    // The background colour stays in the global palette even when nothing is drawn in it.
    ColorSet background_color() const {
        if (file_.background >= file_.palette.size()) return {};
        return {file_.palette[file_.background]};
    }

    // A frame of 256 colours has no room for a transparent one. It had none in the file then, and all its
    // pixels keep their colours.
    bool needs_room(std::size_t i) {
        if (!transparency_[i] || needed_[i].size() < kMostColors) return transparency_[i];
        needed_[i] = needed_colors(shown_.frames[i], false);
        return false;
    }

    IndexedGif finish() {
        if (!file_.palette.empty() && result_.palette.empty()) result_.palette = {0};
        const ColorIndex global(result_.palette);
        for (std::size_t i = 0; i < needed_.size(); ++i) index_frame(i, global);
        result_.background = file_.background;
        if (file_.background < file_.palette.size())
            result_.background = static_cast<std::uint8_t>(global.find(file_.palette[file_.background]));
        return std::move(result_);
    }

    void index_frame(std::size_t i, const ColorIndex& global) {
        std::vector<GifColor>& palette = palette_for(i);
        const ColorIndex places = &palette == &result_.palette ? global : ColorIndex(palette);
        IndexedFrame frame;
        unsigned largest = 0;
        std::bitset<kMostColors> used;
        for (const GifColor color : needed_[i]) {
            const auto place = static_cast<unsigned>(places.find(color));
            used.set(place);
            largest = std::max(largest, place);
        }
        const bool drawn = transparency_[i] && needs_transparency(shown_.frames[i]);
        if (drawn || has_key(i)) {
            const unsigned key = place_of_key(i, palette, used);
            if (drawn) largest = std::max(largest, key);
            frame.transparent_index = static_cast<std::uint8_t>(key);
        }
        frame.min_code_size = code_size_for(largest);
        fill(frame, shown_.frames[i], transparency_[i], places);
        result_.frames.push_back(std::move(frame));
    }

    // A place that the frame does not use. In the first frame it keeps its colour, for those who show no
    // transparency; in others the lowest place makes the shortest codes.
    unsigned place_of_key(std::size_t i, std::vector<GifColor>& palette,
                          const std::bitset<kMostColors>& used) const {
        const std::optional<GifColor> hidden = i == 0 ? hidden_color() : std::nullopt;
        unsigned key = 0;
        while (used.test(key)) ++key;
        if (hidden && palette.size() < kMostColors) {
            unsigned place = 0;
            while (place < palette.size() && (used.test(place) || palette[place] != *hidden)) ++place;
            if (place == palette.size()) palette.push_back(*hidden);
            return place;
        }
        // Viewers know no transparent index beyond the palette.
        while (gif_palette_bytes(palette.size()) < 3 * (std::size_t{key} + 1)) palette.push_back(0);
        return key;
    }

    // The colour that the palette has for the transparent index of the first frame.
    std::optional<GifColor> hidden_color() const {
        const GifFrame& frame = file_.frames[0];
        const std::vector<GifColor>& palette = file_.palette_of(frame);
        if (!frame.control || !frame.control->transparent) return std::nullopt;
        if (frame.control->transparent_index >= palette.size()) return std::nullopt;
        return palette[frame.control->transparent_index];
    }

    // A frame whose own palette has become empty still has one: of one black.
    std::vector<GifColor>& palette_for(std::size_t i) {
        std::vector<GifColor>& own = result_.palettes[i];
        if (own.empty() && result_.palette.empty()) own = {0};
        return own.empty() ? result_.palette : own;
    }

    bool has_key(std::size_t i) const {
        return file_.frames[i].control && file_.frames[i].control->transparent;
    }

    static unsigned free_place(const std::bitset<kMostColors>& used) {
        unsigned place = 0;
        while (used.test(place)) ++place;
        return place;
    }

    // A free pixel is transparent first; second its colour, if that is among the frame's codes.
    static void fill(IndexedFrame& to, const ShownFrame& from, bool transparency, const ColorIndex& places) {
        const int codes = 1 << to.min_code_size;
        const std::uint8_t key = to.transparent_index.value_or(0);
        bool choices = false;
        to.first.resize(from.colors.size());
        to.second.resize(from.colors.size());
        for (std::size_t i = 0; i < from.colors.size(); ++i) {
            const GifColor color = from.colors[i];
            const int place = color == kThrough ? -1 : places.find(color);
            const bool through = color == kThrough || (transparency && from.is_free(i));
            const bool choice = through && place >= 0 && place < codes && place != key;
            to.first[i] = through ? key : static_cast<std::uint8_t>(place);
            to.second[i] = choice ? static_cast<std::uint8_t>(place) : to.first[i];
            choices = choices || choice;
        }
        if (!choices) to.second.clear();
    }

    const GifFile& file_;
    const ShownGif& shown_;
    std::vector<bool> transparency_;
    std::vector<ColorSet> needed_;
    IndexedGif result_;
};

}  // namespace

bool may_be_transparent(const GifFile& file, const ShownGif& shown, std::size_t i) {
    const std::optional<GifControl>& control = file.frames[i].control;
    if (!control) return false;
    if (control->transparent) return true;
    constexpr unsigned kToBackground = 2;
    const bool clears = std::any_of(file.frames.begin(), file.frames.end(), [](const GifFrame& frame) {
        return frame.control && frame.control->disposal == kToBackground;
    });
    return i > 0 && shown.covered && !clears;
}

IndexedGif index_gif(const GifFile& file, const ShownGif& shown) {
    return Indexer(file, shown).with_own_palettes();
}

std::optional<IndexedGif> index_gif_with_one_palette(const GifFile& file, const ShownGif& shown) {
    // A global palette made new would give the background a colour it never had.
    const bool any_own = std::any_of(file.frames.begin(), file.frames.end(),
                                     [](const GifFrame& frame) { return !frame.palette.empty(); });
    if (!any_own || (file.palette.empty() && !shown.covered)) return std::nullopt;
    return Indexer(file, shown).with_one_palette();
}

}  // namespace optimilter
