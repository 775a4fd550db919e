// SPDX-License-Identifier: Apache-2.0
//
// The way of one GIF file, which is without loss in every profile: read its blocks, see what every frame
// shows, find palettes and frames that show the very same in fewer pixels and codes. Frames, their order,
// delays and disposal stay, as does every extension. Interlaced frames become plain ones: that order only
// shows while a file comes in over a slow line, and costs bytes.
#include <algorithm>
#include <utility>

#include "optimizers/formats.hpp"
#include "optimizers/gif_blocks.hpp"
#include "optimizers/gif_limits.hpp"
#include "optimizers/gif_lzw.hpp"
#include "optimizers/gif_palette.hpp"
#include "optimizers/gif_picture.hpp"

namespace optimilter {

namespace {

// Less than this share of a file is not worth touching it.
constexpr std::size_t kLeastGainShare = 500;

// Effort 0..4: how each frame is searched; up to how many pixels a frame is written in several ways, of which
// the smallest stays; up to how many pixels all frames together whose pixels have a choice are; what the
// search costs.
struct Effort {
    LzwSearch search;
    std::size_t small_frame;
    std::size_t most_with_choice;
    double ns_per_pixel;  // by measurement, generously
};
constexpr Effort kEfforts[] = {
    {{0, 1, 0, 0, LzwSearch::kWhenFull}, 0, 0, 100}, {{0, 1, 2, 2, 1000}, 0, 0, 300},
    {{0, 1, 2, 2, 1000}, 8'000, 20'000, 300},        {{0, 1, 4, 2, 1000}, 32'000, 50'000, 450},
    {{8, 1, 8, 4, 1000}, 200'000, 1'000'000, 2000},
};
// Several ways for a pixel with a choice, for which every match tries many strings. Pixels without one are in
// the figure above. All is written twice where palettes may be joined.
constexpr double kNsPerPixelWithChoice = 2 * 6500;
// For a first look at what a frame should be made of.
constexpr LzwSearch kFirstLook = kEfforts[0].search;
constexpr LzwSearch kMoreWays[] = {
    {8, 1, 8, 4, 1000},
    {8, 3, 8, 4, LzwSearch::kWhenFull},
    {16, 1, 16, 8, 500},
};

// Pixels of frames that may be written in several ways though each pixel has a choice: never the first one.
std::uint64_t pixels_with_choice(const GifFile& file, const Effort& effort) {
    std::uint64_t sum = 0;
    for (std::size_t i = 1; i < file.frames.size(); ++i)
        if (const std::uint64_t pixels = file.frames[i].rect.pixels(); pixels <= effort.small_frame)
            sum += pixels;
    return std::min<std::uint64_t>(sum, effort.most_with_choice);
}

double cost_ms(const GifFile& file, const Effort& effort) {
    return (static_cast<double>(gif_pixels(file)) * effort.ns_per_pixel +
            static_cast<double>(pixels_with_choice(file, effort)) * kNsPerPixelWithChoice) /
           1e6;
}

// The effort asked for, or the most that half the time left suffices for.
const Effort& affordable_effort(const GifFile& file, const Options& options, Deadline deadline) {
    std::size_t level = std::min<std::size_t>(options.effort, std::size(kEfforts) - 1);
    const double allowed_ms = static_cast<double>(deadline.remaining_ms()) / 2;
    while (level > 0 && cost_ms(file, kEfforts[level]) > allowed_ms) --level;
    return kEfforts[level];
}

class GifOptimization {
  public:
    GifOptimization(const GifFile& file, const Effort& effort, Deadline deadline)
        : file_(file), effort_(effort), deadline_(deadline) {}

    Result<Bytes> run() {
        const Result<ShownGif> shown = show_gif(file_, deadline_);
        if (!shown) return shown.error();
        Result<Bytes> smallest = write(index_gif(file_, *shown), *shown);
        if (!smallest) return smallest;
        if (const auto indexed = index_gif_with_one_palette(file_, *shown)) {
            Result<Bytes> other = write(*indexed, *shown);
            if (!other) return other;
            if (other->size() < smallest->size()) return other;
        }
        return smallest;
    }

  private:
    Result<Bytes> write(const IndexedGif& indexed, const ShownGif& shown) const {
        GifFile to = file_;
        to.palette = indexed.palette;
        to.background = indexed.background;
        to.palette_sorted = file_.palette_sorted && !indexed.reordered;
        std::size_t with_choice = effort_.most_with_choice;
        for (std::size_t i = 0; i < to.frames.size(); ++i) {
            GifFrame& frame = to.frames[i];
            frame.rect = shown.frames[i].rect;
            frame.palette = indexed.palettes[i];
            frame.palette_sorted = frame.palette_sorted && !frame.palette.empty();
            frame.interlaced = false;
            frame.min_code_size = static_cast<std::uint8_t>(indexed.frames[i].min_code_size);
            if (const auto key = indexed.frames[i].transparent_index) {
                frame.control->transparent = true;
                frame.control->transparent_index = *key;
            }
            Result<Bytes> codes = encode_frame(indexed.frames[i], with_choice);
            if (!codes) return codes.error();
            frame.codes = std::move(*codes);
        }
        return write_gif(to);
    }

    // Where pixels have a choice, it may be made code by code (best for drawings and screens), always for
    // transparency, or always for the colour (best for films).
    struct Choice {
        ByteView first;
        ByteView second;
    };

    Choice best_choice(const IndexedFrame& frame) const {
        const Choice choices[] = {{frame.first, frame.second}, {frame.first, {}}, {frame.second, {}}};
        if (frame.second.empty()) return choices[0];
        Choice best = choices[0];
        std::size_t smallest = SIZE_MAX;
        for (const Choice& choice : choices) {
            const Result<Bytes> codes = encode(choice, frame, kFirstLook);
            if (!codes || codes->size() >= smallest) continue;
            smallest = codes->size();
            best = choice;
        }
        return best;
    }

    // with_choice: pixels left for several ways where there is a choice.
    Result<Bytes> encode_frame(const IndexedFrame& frame, std::size_t& with_choice) const {
        const Choice choice = best_choice(frame);
        Result<Bytes> smallest = encode(choice, frame, effort_.search);
        const std::size_t pixels = frame.first.size();
        if (pixels > effort_.small_frame) return smallest;
        if (!choice.second.empty()) {
            if (pixels > with_choice) return smallest;
            with_choice -= pixels;
        }
        for (const LzwSearch& search : kMoreWays) {
            if (!smallest) return smallest;
            Result<Bytes> other = encode(choice, frame, search);
            if (!other || other->size() < smallest->size()) smallest = std::move(other);
        }
        return smallest;
    }

    Result<Bytes> encode(const Choice& choice, const IndexedFrame& frame, const LzwSearch& search) const {
        return encode_lzw({choice.first, choice.second, frame.min_code_size, search, deadline_});
    }

    const GifFile& file_;
    const Effort& effort_;
    Deadline deadline_;
};

}  // namespace

Attempt optimize_gif(ByteView input, Context& context) {
    const Result<GifFile> file = read_gif(input);
    if (!file) return leave_alone(file.error());
    if (const Status fits = spend_gif_budget(*file, context.budget); !fits) return leave_alone(fits.error());
    // Some viewers enlarge the screen for such frames, some cut them off.
    if (!file->frames_inside())
        return leave_alone(Outcome::kNotApplicable, "a frame reaches beyond the screen");
    const Deadline deadline = context.budget.deadline();
    const Effort& effort = affordable_effort(*file, context.options, deadline);
    Result<Bytes> output = GifOptimization(*file, effort, deadline).run();
    if (!output) return leave_alone(output.error());
    if (output->size() + std::max<std::size_t>(input.size() / kLeastGainShare, 1) > input.size())
        return leave_alone(Outcome::kNotSmaller, "not smaller");
    return {Outcome::kOptimized, {}, std::move(*output), {}, {}};
}

}  // namespace optimilter
