// SPDX-License-Identifier: Apache-2.0
//
// The way of one PNG file: read its chunks, decode, search for a smaller form of the same samples, and in
// lossy profiles for a palette that looks alike. Pictures are never scaled for options.max_side_px: big PNG
// files are screenshots and plans, whose text a smaller size makes unreadable. Those that a document shows
// smaller than they are may be, but for drawings of few colours, which scaling blurs and makes no smaller.
#include <utility>

#include "optimizers/deflate.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/png_chunks.hpp"
#include "optimizers/png_decode.hpp"
#include "optimizers/png_encode.hpp"
#include "optimizers/png_limits.hpp"
#include "optimizers/png_metadata.hpp"
#include "optimizers/png_quantize.hpp"
#include "optimizers/png_reduce.hpp"
#include "optimizers/png_scale.hpp"

namespace optimilter {

namespace {

// A result must win this share of the file; less is not worth touching somebody's picture, and would let a
// second pass over our own output find a byte here and there.
constexpr std::size_t kLeastGainShare = 200;
// The same for results with loss.
constexpr std::size_t kLeastLossyGainShare = 10;
// Inflating cannot be interrupted, and decoding as a whole takes longer than a millisecond for so many bytes.
constexpr std::uint64_t kDecodedPerMs = 250'000;

Result<Bytes> inflate_scanlines(const PngFile& file) {
    Bytes stream;
    stream.reserve(file.idat_size());
    for (const PngChunk& chunk : file.idat) append(stream, chunk.body);
    return inflate_zlib(stream, static_cast<std::size_t>(scanline_bytes(file.header)));
}

// Making a palette and measuring it twice takes up to this long, most of it not interruptible.
std::int64_t quantize_cost_ms(std::uint64_t pixels) {
    return static_cast<std::int64_t>(pixels / 4000);
}

// A palette as long as this may lose some of its colours, and half of its bits.
constexpr std::size_t kManyColors = 64;

// Layouts for which a palette may be made. Those that come with a palette, and all that is written with loss,
// keep or take others: a second pass over our own output must find nothing to do.
bool takes_palette(PngColor color, const ColorSurvey& survey) {
    return (color == PngColor::kRgb || color == PngColor::kRgba || color == PngColor::kGrayAlpha) &&
           (!survey.few_colors || survey.colors.size() > kManyColors);
}

void keep_from_palettes(std::vector<PngLayout>& layouts, const ColorSurvey& survey) {
    std::erase_if(layouts, [&](const PngLayout& layout) { return takes_palette(layout.color, survey); });
}

// Pictures that may have a palette made for them, and for which there is the time.
bool worth_quantizing(const PngFile& file, const PngPicture& picture, const ColorSurvey& survey,
                      const Options& options, Deadline deadline) {
    const std::uint64_t pixels = std::uint64_t{picture.width} * picture.height;
    return options.lossy && options.png_quantize && file.header.bit_depth == 8 &&
           takes_palette(picture.layout.color, survey) && !file.suggests_palette() &&
           file.find("hIST") == nullptr && pixels <= kMostPixelsQuantized &&
           !deadline.short_of_time(quantize_cost_ms(pixels) > deadline.remaining_ms());
}

// The lossless result, or one with a made palette where that is allowed and much smaller.
class PngOptimization {
  public:
    PngOptimization(ByteView input, const PngFile& file, Context& context)
        : input_(input),
          file_(file),
          context_(context),
          deadline_(context.budget.deadline()),
          effort_(png_effort(context.options.effort, context.depth > 0)),
          metadata_(kept_metadata(file, context.options)) {}

    Attempt run() {
        Result<Bytes> scanlines = inflate_scanlines(file_);
        if (!scanlines) return leave_alone(scanlines.error());
        Result<PngPicture> decoded = decode_png(file_, deadline_);
        if (!decoded) return leave_alone(decoded.error());
        const bool deep = decoded->layout.bit_depth == 16;
        const PngPicture picture = narrow_deep_picture(file_, std::move(*decoded));
        if (picture.layout.bit_depth == 16) return lossless(picture, std::move(*scanlines), nullptr);
        if (deep && context_.options.lossy) return deep_in_lossy_profile(picture, std::move(*scanlines));
        const Result<ColorSurvey> survey = survey_colors(picture, deadline_);
        if (!survey) return leave_alone(survey.error());
        Attempt made = leave_alone(Outcome::kNotApplicable, "no palette made");
        const PictureSize target = png_target_size(file_, context_);
        if (!survey->few_colors && target != PictureSize{picture.width, picture.height})
            made = scaled(picture, target);
        if (made.outcome == Outcome::kOptimized) return made;
        if (worth_quantizing(file_, picture, *survey, context_.options, deadline_)) made = lossy(picture);
        // Where the palette wins by far, the other search is not worth its time; with few colours it may win
        // by more.
        const bool wins = made.outcome == Outcome::kOptimized && made.output.size() < input_.size() / 2;
        if (wins && !survey->few_colors) return made;
        Attempt same = lossless(picture, std::move(*scanlines), &*survey);
        return better_of(std::move(made), std::move(same), picture);
    }

  private:
    Attempt lossless(const PngPicture& picture, Bytes scanlines, const ColorSurvey* survey) {
        EncodeJob job{picture, {picture.layout}, {}, file_.layout(), deadline_, effort_};
        if (!file_.header.interlaced) job.own_scanlines = scanlines;
        if (survey != nullptr) job.layouts = candidate_layouts(file_, picture, *survey, effort_.orders);
        const bool safe =
            survey != nullptr && context_.options.lossy && !takes_palette(picture.layout.color, *survey);
        if (safe) keep_from_palettes(job.layouts, *survey);
        return finish(job, input_.size() - input_.size() / kLeastGainShare, {});
    }

    // Never with loss, which is not measured for 16 bits. What fits into 8 is written so only where no second
    // pass would make a palette for it.
    Attempt deep_in_lossy_profile(const PngPicture& narrowed, Bytes scanlines) {
        const Result<ColorSurvey> survey = survey_colors(narrowed, deadline_);
        if (!survey) return leave_alone(survey.error());
        if (!takes_palette(narrowed.layout.color, *survey))
            return lossless(narrowed, std::move(scanlines), &*survey);
        const Result<PngPicture> whole = decode_png(file_, deadline_);
        return whole ? lossless(*whole, std::move(scanlines), nullptr) : leave_alone(whole.error());
    }

    // A result with loss must win clearly over one without.
    static bool clearly_smaller(const Attempt& made, const Attempt& same) {
        return same.outcome != Outcome::kOptimized ||
               made.output.size() < same.output.size() - same.output.size() / kLeastLossyGainShare;
    }

    // Where the dots of a palette of few colours cost what its colours save, all colours may do better.
    Attempt lossy(const PngPicture& picture) {
        Attempt made = with_palette(picture, PaletteColors::kEnough);
        if (made.outcome != Outcome::kNotSmaller || !may_try_all_colors(picture)) return made;
        return with_all_colors(picture);
    }

    bool may_try_all_colors(const PngPicture& picture) const {
        const std::int64_t cost_ms = quantize_cost_ms(std::uint64_t{picture.width} * picture.height);
        return !tried_all_colors_ && effort_settings(context_.options).png_palettes >= 2 &&
               !deadline_.short_of_time(cost_ms > deadline_.remaining_ms());
    }

    Attempt with_all_colors(const PngPicture& picture) {
        tried_all_colors_ = true;
        return with_palette(picture, PaletteColors::kAll);
    }

    // All colours are tried here as well when few win too little over the result without loss: a second pass,
    // to which that is the input, would do so.
    Attempt better_of(Attempt made, Attempt same, const PngPicture& picture) {
        if (made.outcome != Outcome::kOptimized) return same;
        if (!clearly_smaller(made, same) && may_try_all_colors(picture)) made = with_all_colors(picture);
        return made.outcome == Outcome::kOptimized && clearly_smaller(made, same) ? made : same;
    }

    Attempt with_palette(const PngPicture& picture, PaletteColors colors) {
        const unsigned most_colors = file_.find("bKGD") != nullptr ? 255 : 256;
        const Result<QuantizedPicture> made =
            quantize_picture(picture, most_colors, colors, context_.options, deadline_);
        if (!made) return leave_alone(made.error());
        const Result<ColorSurvey> survey = survey_colors(made->picture, deadline_);
        if (!survey) return leave_alone(survey.error());
        EncodeJob job{made->picture,
                      candidate_layouts(file_, made->picture, *survey, effort_.orders),
                      {},
                      {},
                      deadline_,
                      effort_};
        keep_from_palettes(job.layouts, *survey);
        return finish(job, input_.size() - input_.size() / kLeastLossyGainShare, made->score);
    }

    // Smaller pixels for a use that shows no more of them, in full colours or with a palette.
    Attempt scaled(const PngPicture& picture, PictureSize target) {
        const Result<PngPicture> small = scale_png_picture(picture, target, deadline_);
        if (!small) return leave_alone(small.error());
        const Result<ColorSurvey> survey = survey_colors(*small, deadline_);
        if (!survey) return leave_alone(survey.error());
        Attempt made = leave_alone(Outcome::kNotApplicable, "no palette made");
        if (worth_quantizing(file_, *small, *survey, context_.options, deadline_)) made = lossy(*small);
        const bool wins = made.outcome == Outcome::kOptimized && made.output.size() < input_.size() / 2;
        if (wins && !survey->few_colors) return made;
        const EncodeJob job{
            *small, candidate_layouts(file_, *small, *survey, effort_.orders), {}, {}, deadline_, effort_};
        Attempt same = finish(job, input_.size() - input_.size() / kLeastLossyGainShare, 1.0);
        return better_of(std::move(made), std::move(same), *small);
    }

    Attempt finish(const EncodeJob& job, std::size_t limit, std::optional<double> score) {
        if (job.layouts.empty() && job.own_scanlines.empty())
            return leave_alone(Outcome::kNotApplicable, "chunks forbid the form of the result");
        const Result<EncodedPicture> encoded = encode_picture(job);
        if (!encoded) return leave_alone(encoded.error());
        PngFile resized = file_;
        resized.header.width = job.picture.width;
        resized.header.height = job.picture.height;
        Bytes output = write_png(resized, metadata_, encoded->layout, encoded->idat);
        if (output.size() >= limit) return leave_alone(Outcome::kNotSmaller, "not smaller");
        return {Outcome::kOptimized, {}, std::move(output), score, {}};
    }

    ByteView input_;
    const PngFile& file_;
    Context& context_;
    Deadline deadline_;
    PngEffort effort_;
    PngMetadata metadata_;
    bool tried_all_colors_ = false;
};

}  // namespace

Attempt optimize_png(ByteView input, Context& context) {
    const Result<PngFile> file = read_png(input);
    if (!file) return leave_alone(file.error());
    if (const Status fits = spend_png_budget(file->header, context.budget); !fits)
        return leave_alone(fits.error());
    const auto least_ms = static_cast<std::int64_t>(scanline_bytes(file->header) / kDecodedPerMs);
    const Deadline deadline = context.budget.deadline();
    if (deadline.short_of_time(least_ms > deadline.remaining_ms()))
        return leave_alone(Outcome::kOverBudget, "no time left to decode");
    return PngOptimization(input, *file, context).run();
}

}  // namespace optimilter
