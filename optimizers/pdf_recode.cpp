// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_recode.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "optimizers/deflate.hpp"
#include "optimizers/jpeg_lossy.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/pdf_jpeg.hpp"
#include "optimizers/png_encode.hpp"

namespace optimilter {

namespace {

using State = PdfRecoded::State;

// Pictures with fewer samples are not worth a coding of another kind.
constexpr std::uint64_t kFewPixels = 64 * 64;
// A JPEG in the place of samples must be this much smaller than the samples coded without loss: 3/5.
constexpr std::size_t kLossyShare = 3;
constexpr std::size_t kLossyShareOf = 5;

PdfRecoded not_done(const Error& error) {
    const Outcome outcome = outcome_of(error.code);
    if (outcome == Outcome::kOverBudget) return {State::kOutOfBudget, {}, {}, {}};
    if (outcome == Outcome::kMalformed) return {State::kDamaged, error.text, {}, {}};
    return {};
}

PdfRecoded changed(PdfReplacement replacement, std::optional<double> score = {}) {
    return {State::kChanged, {}, std::move(replacement), score};
}

std::size_t raw_size(QPDFObjectHandle stream) {
    QPDFObjectHandle length = stream.getDict().getKey("/Length");
    return length.isInteger() ? static_cast<std::size_t>(std::max(0LL, length.getIntValue())) : 0;
}

// A layout of the PNG specification whose rows have the same bytes.
std::optional<PngLayout> layout_of(const PdfPicture& picture) {
    if (picture.bits != 8 && picture.bits != 16) return std::nullopt;
    const auto bits = static_cast<std::uint8_t>(picture.bits);
    switch (picture.components) {
        case 1:
            return PngLayout{PngColor::kGray, bits, {}, {}};
        case 2:
            return PngLayout{PngColor::kGrayAlpha, bits, {}, {}};
        case 3:
            return PngLayout{PngColor::kRgb, bits, {}, {}};
        case 4:
            return PngLayout{PngColor::kRgba, bits, {}, {}};
        default:
            return std::nullopt;
    }
}

// Samples deflated as they are, when that is smaller than limit.
std::optional<PdfReplacement> deflated(ByteView bytes, ZipPace& pace, std::size_t limit) {
    const auto level = pace.level_for(bytes.size(), false);
    if (!level || limit == 0) return std::nullopt;
    const Stopwatch watch;
    auto smaller = deflate_zlib_within(bytes, *level, limit - 1);
    pace.learn_deflating(bytes.size(), *level, watch.elapsed_ms());
    if (!smaller) return std::nullopt;
    return PdfReplacement{std::move(*smaller), "/FlateDecode", {}, 0, 0};
}

// Samples with a row filter each (predictor 15), when that is smaller than limit.
std::optional<PdfReplacement> filtered(const PdfPicture& picture, ByteView samples, std::size_t limit,
                                       Deadline deadline) {
    const std::optional<PngLayout> layout = layout_of(picture);
    if (!layout) return std::nullopt;
    const PngPicture rows{picture.width, picture.height, *layout, Bytes(samples.begin(), samples.end())};
    auto encoded = encode_picture({rows, {*layout}, {}, *layout, deadline});
    if (!encoded || encoded->idat.size() >= limit) return std::nullopt;
    return PdfReplacement{std::move(encoded->idat), "/FlateDecode",
                          fmt::format("<</Predictor 15/Colors {}/BitsPerComponent {}/Columns {}>>",
                                      picture.components, picture.bits, picture.width),
                          0, 0};
}

std::optional<PdfReplacement> lossless(const PdfPicture& picture, ByteView samples, std::size_t limit,
                                       ZipPace& pace, Deadline deadline) {
    auto best = deflated(samples, pace, limit);
    // Fewer than eight bits, and indexes into palettes, gain nothing from differences of neighbours.
    if (picture.bits < 8) return best;
    auto rows = filtered(picture, samples, best ? best->bytes.size() : limit, deadline);
    return rows ? rows : best;
}

}  // namespace

std::optional<JpegPixels> pdf_pixels(const PdfPicture& picture, ByteView samples) {
    if (picture.bits != 8 || (picture.components != 1 && picture.components != 3)) return std::nullopt;
    if (samples.size() != picture.sample_bytes()) return std::nullopt;
    return JpegPixels{picture.width, picture.height, picture.components,
                      Bytes(samples.begin(), samples.end())};
}

namespace {

// What the dictionary says is what readers believe; where the file says something else they differ.
bool describes(const PdfPicture& picture, const Result<JpegMarkers>& markers) {
    return markers && markers->width == picture.width && markers->height == picture.height;
}

OptimizeResult same_coefficients(ByteView file, Context& context) {
    OptimizeResult result;
    const Optimizer* const row = find_optimizer(Format::kJpeg);
    if (row == nullptr || !context.options.enabled(Format::kJpeg)) return result;
    Options options = context.options;
    options.lossy = false;
    Context inner{options, context.budget, context.depth + 1, context.nested};
    return run_optimizer(*row, file, inner);
}

// One JPEG picture on its way to the first of its sizes that the page shows as it showed the original.
class PdfJpegWork {
  public:
    PdfJpegWork(ByteView file, const JpegMarkers& markers, const PdfLeave& leave, Context& context)
        : file_(file),
          size_{markers.width, markers.height},
          turned_(jpeg_is_turned(file, markers)),
          settled_((markers.progressive() || has_own_jpeg_table(markers)) &&
                   !jpeg_wants_reencoding(markers, context.options, size_)),
          leave_(leave),
          context_(context) {}

    OptimizeResult run() {
        for (std::size_t step = 0; step < leave_.uses.size();) {
            const PictureUse& use = leave_.uses[step];
            const PictureSize target = size_for_use(size_, use, turned_);
            if (target == size_) return kept(use);
            if (settled_) break;
            if (!drawn_ && !look()) break;
            double score = score_of(target);
            if (score >= drawn_->aim()) {
                OptimizeResult result = at_use(seen_use(use, leave_));
                if (result.outcome == Outcome::kOverBudget) return result;
                score = score_of(result);
                if (score >= drawn_->aim()) return result;
            }
            step = next_to_try(leave_.uses, step, score, drawn_->aim());
        }
        return kept({});
    }

  private:
    // At its own size: as it is seen, or else pixel by pixel.
    OptimizeResult kept(const PictureUse& use) {
        OptimizeResult result = at_use(seen_use(use, leave_));
        if (!result.score || !is_seen_smaller(size_, leave_, turned_)) return result;
        if ((drawn_ || look()) && score_of(result) >= drawn_->aim()) return result;
        return at_use(use);
    }

    Deadline deadline() const { return context_.budget.deadline(); }

    OptimizeResult at_use(const PictureUse& use) { return context_.nested(file_, {"image/jpeg", ""}, use); }

    // false: it cannot be drawn, or the budget does not reach for it.
    bool look() {
        if (!context_.budget.spend_pixels(std::uint64_t{size_.width} * size_.height)) return false;
        const Result<JpegPixels> pixels = pdf_jpeg_pixels(file_, size_, deadline());
        if (!pixels) return false;
        drawn_.emplace(*pixels, leave_.screens, context_.options);
        return true;
    }

    // Encoding costs more than a look at what it would start from.
    double score_of(PictureSize target) const {
        const Result<JpegPixels> scaled = pdf_jpeg_pixels(file_, target, deadline());
        return scaled ? drawn_->score(*scaled) : 0;
    }

    // The result's own score becomes that of the page where it is lower.
    double score_of(OptimizeResult& result) const {
        if (result.outcome != Outcome::kOptimized || result.output_format != Format::kJpeg) return 0;
        if (!result.score) return 1;
        const Result<JpegMarkers> markers = parse_jpeg_markers(result.output);
        if (!markers) return 0;
        const PictureSize size{markers->width, markers->height};
        const Result<JpegPixels> pixels = pdf_jpeg_pixels(result.output, size, deadline());
        const double score = pixels ? drawn_->score(*pixels) : 0;
        result.score = std::min(*result.score, score);
        return score;
    }

    ByteView file_;
    PictureSize size_;
    bool turned_;
    // What this optimizer leaves of a picture that was not scaled; pages hold no others like it. Without the
    // loss of the first pass a second one may find that scaling does not show.
    bool settled_;
    const PdfLeave& leave_;
    Context& context_;
    std::optional<PdfDrawn> drawn_;
};

// A loss that could not be borne out is no reason to give up what can be had without.
OptimizeResult optimized_jpeg(ByteView file, const JpegMarkers& markers, const PdfLeave& leave,
                              Context& context) {
    if (leave.lose) {
        OptimizeResult result = PdfJpegWork(file, markers, leave, context).run();
        if (result.outcome != Outcome::kTooDifferent || !context.options.keep_gps) return result;
    }
    return same_coefficients(file, context);
}

}  // namespace

PdfRecoded recode_pdf_jpeg(const PdfDocument& document, QPDFObjectHandle stream, const PdfLeave& leave,
                           Context& context) {
    const PdfPicture picture = describe_pdf_picture(document, stream);
    const Result<Bytes> file = pdf_jpeg_file(document, stream, context.budget.expanded_bytes_left());
    if (!file) return not_done(file.error());
    if (!context.budget.spend_expanded_bytes(file->size())) return {State::kOutOfBudget, {}, {}, {}};
    const Result<JpegMarkers> own = parse_jpeg_markers(*file);
    if (sniff(*file) != Format::kJpeg || !describes(picture, own)) return {};
    OptimizeResult result = optimized_jpeg(*file, *own, leave, context);
    if (result.outcome == Outcome::kOverBudget) return {State::kOutOfBudget, {}, {}, {}};
    if (result.outcome != Outcome::kOptimized || result.output_format != Format::kJpeg) return {};
    if (result.output.size() >= raw_size(stream)) return {};
    const Result<JpegMarkers> markers = parse_jpeg_markers(result.output);
    if (!markers) return {};
    PdfReplacement replacement{std::move(result.output), "/DCTDecode", {}, 0, 0};
    if (markers->width != picture.width || markers->height != picture.height) {
        replacement.width_px = markers->width;
        replacement.height_px = markers->height;
    }
    return changed(std::move(replacement), result.score);
}

namespace {

// One picture of samples on its way to a smaller coding.
class SampleWork {
  public:
    SampleWork(const PdfPicture& picture, ByteView samples, std::size_t limit, const PdfLeave& leave,
               Context& context, ZipPace& pace)
        : picture_(picture),
          samples_(samples),
          limit_(limit),
          leave_(leave),
          context_(context),
          pace_(pace) {}

    PdfRecoded run() {
        const std::optional<JpegPixels> pixels = pdf_pixels(picture_, samples_);
        if (!pixels) return same_samples();
        std::optional<PdfDrawn> drawn;
        for (std::size_t step = 0; step < leave_.uses.size();) {
            const PictureSize target = size_for_use(size(), leave_.uses[step], false);
            if (target == size()) break;
            if (!drawn) drawn.emplace(*pixels, leave_.screens, context_.options);
            const Result<JpegPixels> scaled = scale_pixels(*pixels, target, deadline());
            if (!scaled) return not_done(scaled.error());
            double score = drawn->score(*scaled);
            if (score >= drawn->aim()) {
                PdfRecoded result = scaled_down(*scaled, *drawn, score);
                if (score >= drawn->aim()) return result;
            }
            step = next_to_try(leave_.uses, step, score, drawn->aim());
        }
        return smaller_of_both(*pixels);
    }

  private:
    PictureSize size() const { return {picture_.width, picture_.height}; }
    static PictureSize size_of(const JpegPixels& pixels) { return {pixels.width, pixels.height}; }
    Deadline deadline() const { return context_.budget.deadline(); }

    PdfRecoded same_samples() {
        auto best = lossless(picture_, samples_, limit_, pace_, deadline());
        return best ? changed(std::move(*best)) : PdfRecoded{};
    }

    bool may_become_jpeg(const JpegPixels& pixels) const {
        return leave_.lose && context_.options.enabled(Format::kJpeg) &&
               std::uint64_t{pixels.width} * pixels.height >= kFewPixels;
    }

    // limit: of the best coding without loss.
    std::optional<PdfRecoded> as_jpeg(const JpegPixels& pixels, std::size_t limit) const {
        if (!may_become_jpeg(pixels)) return std::nullopt;
        auto jpeg = pdf_jpeg_of(pixels, size_on_screen(size_of(pixels), leave_), context_.options,
                                limit * kLossyShare / kLossyShareOf, deadline());
        if (!jpeg) return std::nullopt;
        return changed({std::move(jpeg->file), "/DCTDecode", {}, 0, 0}, jpeg->score);
    }

    PdfRecoded smaller_of_both(const JpegPixels& pixels) {
        PdfRecoded same = same_samples();
        const bool smaller = same.state == State::kChanged;
        auto jpeg = as_jpeg(pixels, smaller ? same.replacement.bytes.size() : limit_);
        return jpeg ? std::move(*jpeg) : std::move(same);
    }

    // score: of the scaled samples on the page; becomes that of what codes them, 0 when nothing does.
    PdfRecoded scaled_down(const JpegPixels& scaled, const PdfDrawn& drawn, double& score) {
        PdfRecoded result = recoded(scaled);
        if (result.state != State::kChanged) {
            score = 0;
        } else if (result.replacement.filter == "/DCTDecode") {
            const auto seen = pdf_jpeg_pixels(result.replacement.bytes, size_of(scaled), deadline());
            score = seen ? drawn.score(*seen) : 0;
        }
        result.score = std::min(result.score.value_or(1.0), score);
        return result;
    }

    // Fewer samples are a loss, whatever codes them.
    PdfRecoded recoded(const JpegPixels& pixels) {
        PdfPicture picture = picture_;
        picture.width = pixels.width;
        picture.height = pixels.height;
        auto best = lossless(picture, pixels.samples, limit_, pace_, deadline());
        PdfRecoded result;
        if (best) result = changed(std::move(*best), 1.0);
        if (auto jpeg = as_jpeg(pixels, best ? result.replacement.bytes.size() : limit_))
            result = std::move(*jpeg);
        if (result.state != State::kChanged) return result;
        result.replacement.width_px = pixels.width;
        result.replacement.height_px = pixels.height;
        return result;
    }

    const PdfPicture& picture_;
    ByteView samples_;
    std::size_t limit_;  // bytes of the stream as it is
    const PdfLeave& leave_;
    Context& context_;
    ZipPace& pace_;
};

// Nothing when the budget does not reach for it.
Result<Bytes> decoded_within(const PdfDocument& document, QPDFObjectHandle stream, Budget& budget,
                             ZipPace& pace) {
    if (pace.time_is_up()) return Error{ErrorCode::kDeadline, "deadline"};
    const Stopwatch watch;
    Result<Bytes> bytes = document.decoded(stream, budget.expanded_bytes_left());
    if (!bytes) return bytes;
    pace.learn_inflating(bytes->size(), watch.elapsed_ms());
    if (!budget.spend_expanded_bytes(bytes->size()))
        return Error{ErrorCode::kLimit, "stream expands too far"};
    return bytes;
}

}  // namespace

PdfRecoded recode_pdf_samples(const PdfDocument& document, QPDFObjectHandle stream, const PdfLeave& leave,
                              Context& context, ZipPace& pace) {
    const PdfPicture picture = describe_pdf_picture(document, stream);
    const Result<Bytes> samples = decoded_within(document, stream, context.budget, pace);
    if (!samples) return not_done(samples.error());
    const bool exact = picture.sample_bytes() == samples->size() && picture.sample_bytes() != 0;
    const std::size_t limit = raw_size(stream);
    pace.will_verify(samples->size());
    if (!exact) {
        auto smaller = deflated(*samples, pace, limit);
        return smaller ? changed(std::move(*smaller)) : PdfRecoded{};
    }
    if (!context.budget.spend_pixels(std::uint64_t{picture.width} * picture.height))
        return {State::kOutOfBudget, {}, {}, {}};
    return SampleWork(picture, *samples, limit, leave, context, pace).run();
}

PdfRecoded recode_pdf_stream(const PdfDocument& document, QPDFObjectHandle stream, Context& context,
                             ZipPace& pace) {
    const Result<Bytes> bytes = decoded_within(document, stream, context.budget, pace);
    if (!bytes) return not_done(bytes.error());
    auto smaller = deflated(*bytes, pace, raw_size(stream));
    if (!smaller) return {};
    pace.will_verify(bytes->size());
    return changed(std::move(*smaller));
}

}  // namespace optimilter
