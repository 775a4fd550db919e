// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "optimizers/formats.hpp"
#include "optimizers/jpeg_judge.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/pdf_compare.hpp"
#include "optimizers/pdf_document.hpp"
#include "optimizers/pdf_graph.hpp"
#include "optimizers/pdf_jpeg.hpp"
#include "optimizers/pdf_picture.hpp"
#include "optimizers/pdf_picture_use.hpp"
#include "optimizers/pdf_recode.hpp"
#include "optimizers/picture_kind.hpp"
#include "optimizers/picture_score.hpp"

namespace optimilter {

namespace {

// Objects of their own streams came with this version.
constexpr const char* kObjectStreamVersion = "1.5";

// Of scores that were measured twice.
constexpr double kRounding = 1e-9;

// Judges one changed picture after the other; the measured scores must bear the attempt's claim.
class PictureJudge {
  public:
    PictureJudge(const PdfDocument& before, const PdfDocument& after, const PdfPictureUses& uses,
                 const Attempt& attempt, Context& context)
        : before_(before), after_(after), uses_(uses), attempt_(attempt), context_(context) {}

    std::string judge(QPDFObjectHandle a, QPDFObjectHandle b) {
        if (context_.budget.expired()) return "no time left to verify";
        const PdfLeave leave = pdf_leave(before_, a, uses_, context_.options);
        if (pdf_coding(a) == PdfCoding::kDct) return judge_jpeg(a, b, leave);
        return judge_samples(a, b, leave);
    }

  private:
    std::uint64_t limit() const { return context_.options.max_expanded_bytes; }
    Deadline deadline() const { return context_.budget.deadline(); }

    std::string judge_jpeg(QPDFObjectHandle a, QPDFObjectHandle b, const PdfLeave& leave);
    std::string judge_samples(QPDFObjectHandle a, QPDFObjectHandle b, const PdfLeave& leave);
    Result<double> score_of(const JpegPixels& reference, QPDFObjectHandle b, const PdfLeave& leave,
                            double& bound);
    std::string judge_drawn(const JpegPixels& original, const Result<JpegPixels>& scaled,
                            const PdfLeave& leave) const;
    Result<JpegPixels> pixels_of(QPDFObjectHandle b) const;

    const PdfDocument& before_;
    const PdfDocument& after_;
    const PdfPictureUses& uses_;
    const Attempt& attempt_;
    Context& context_;
};

// The use to which a JPEG picture was scaled; none known for a picture that kept its size. Nothing: no use
// gives this size.
std::optional<PictureUse> use_that_gives(PictureSize own, PictureSize size, bool turned,
                                         const PdfLeave& leave) {
    if (size == own) return PictureUse{};
    for (const PictureUse& use : leave.uses)
        if (size_for_use(own, use, turned) == size) return use;
    return std::nullopt;
}

// Unequal tables tell of loss; with equal ones the coefficients are compared.
bool same_tables(const JpegMarkers& a, const JpegMarkers& b) {
    if (a.width != b.width || a.height != b.height || a.components.size() != b.components.size())
        return false;
    for (std::size_t i = 0; i < a.components.size(); ++i) {
        const std::size_t was = a.components[i].quant_table;
        const std::size_t is = b.components[i].quant_table;
        if (was >= a.quant_tables.size() || is >= b.quant_tables.size()) return false;
        if (a.quant_tables[was] != b.quant_tables[is]) return false;
    }
    return true;
}

// Both are files of their own for the verification of JPEG.
std::string PictureJudge::judge_jpeg(QPDFObjectHandle a, QPDFObjectHandle b, const PdfLeave& leave) {
    if (pdf_coding(b) != PdfCoding::kDct) return "a JPEG picture became another";
    const Result<Bytes> file = pdf_jpeg_file(before_, a, limit());
    const Result<Bytes> result = pdf_jpeg_file(after_, b, limit());
    if (!file || !result) return "a JPEG picture cannot be taken out";
    const Result<JpegMarkers> was = parse_jpeg_markers(*file);
    const Result<JpegMarkers> is = parse_jpeg_markers(*result);
    const PdfPicture picture = describe_pdf_picture(after_, b);
    if (!was || !is || is->width != picture.width || is->height != picture.height)
        return "a JPEG picture is not what its dictionary says";
    const Optimizer* const row = find_optimizer(Format::kJpeg);
    if (row == nullptr) return "a JPEG picture was changed";
    Options options = context_.options;
    options.lossy = options.lossy && leave.lose;
    const PictureSize own{was->width, was->height};
    const PictureSize size{is->width, is->height};
    const bool turned = jpeg_is_turned(*file, *was);
    const auto use = use_that_gives(own, size, turned, leave);
    if (!use) return "a picture has a wrong size";
    Context inner{options, context_.budget, context_.depth + 1, context_.nested, seen_use(*use, leave)};
    Attempt change;
    change.outcome = Outcome::kOptimized;
    change.output = *result;
    if (!same_tables(*was, *is)) {
        if (!attempt_.score) return "a picture changed with loss where none was claimed";
        change.score = attempt_.score;
    }
    std::string why = row->verify(*file, change, inner);
    const bool as_seen = size != own || (change.score && is_seen_smaller(own, leave, turned));
    if (!as_seen) return why;
    if (why.empty()) {
        const Result<JpegPixels> original = pdf_jpeg_pixels(*file, own, deadline());
        if (!original) return original.error().text;
        why = judge_drawn(*original, pdf_jpeg_pixels(*result, size, deadline()), leave);
    }
    if (why.empty() || size != own) return why;
    // What reaches the bound pixel by pixel needs nothing else.
    inner.use = *use;
    return row->verify(*file, change, inner);
}

Result<JpegPixels> PictureJudge::pixels_of(QPDFObjectHandle b) const {
    const PdfPicture picture = describe_pdf_picture(after_, b);
    if (pdf_coding(b) == PdfCoding::kDct) {
        const Result<Bytes> file = pdf_jpeg_file(after_, b, limit());
        if (!file) return file.error();
        return pdf_jpeg_pixels(*file, {picture.width, picture.height}, deadline());
    }
    const Result<Bytes> samples = after_.decoded(b, limit());
    if (!samples) return samples.error();
    auto pixels = pdf_pixels(picture, *samples);
    if (!pixels) return Error{ErrorCode::kUnsupported, "samples of another kind"};
    return std::move(*pixels);
}

// Of a scaled picture: what a screen shows of it.
std::string PictureJudge::judge_drawn(const JpegPixels& original, const Result<JpegPixels>& scaled,
                                      const PdfLeave& leave) const {
    if (!scaled) return scaled.error().text;
    const PdfDrawn drawn(original, leave.screens, context_.options, kSecondLookLeeway);
    const double score = drawn.score(*scaled);
    if (!(score >= drawn.bound())) return "the page shows that a picture was scaled";
    if (!attempt_.score || score + kRounding < *attempt_.score) return "a score is lower than claimed";
    return {};
}

// bound: what the score must reach.
Result<double> PictureJudge::score_of(const JpegPixels& reference, QPDFObjectHandle b, const PdfLeave& leave,
                                      double& bound) {
    if (pdf_coding(b) == PdfCoding::kDct) {
        const Result<Bytes> file = pdf_jpeg_file(after_, b, limit());
        if (!file) return file.error();
        const PictureSize seen = size_on_screen({reference.width, reference.height}, leave);
        const auto judge = JpegJudge::make(reference, seen, deadline());
        if (!judge) return judge.error();
        bound = (*judge)->bound(context_.options, kSecondLookLeeway);
        return (*judge)->score(*file, ScoreChroma::kFullSize, deadline());
    }
    const Result<Bytes> samples = after_.decoded(b, limit());
    if (!samples) return samples.error();
    bound = context_.options.score_min / 10'000.0;
    return picture_score(reference.samples, *samples, reference.width, reference.height, reference.channels);
}

std::string PictureJudge::judge_samples(QPDFObjectHandle a, QPDFObjectHandle b, const PdfLeave& leave) {
    const PdfPicture was = describe_pdf_picture(before_, a);
    const PdfPicture is = describe_pdf_picture(after_, b);
    const PictureSize own{was.width, was.height};
    const PictureSize size{is.width, is.height};
    const bool scaled = size != own;
    if (!leave.lose && !scaled) return "samples of a picture changed";
    if (scaled && (leave.uses.empty() || !size_is_allowed(own, size, leave.uses.front())))
        return "a picture has a wrong size";
    if (!attempt_.score) return "a picture changed with loss where none was claimed";
    const Result<Bytes> samples = before_.decoded(a, limit());
    if (!samples) return samples.error().text;
    const std::optional<JpegPixels> pixels = pdf_pixels(was, *samples);
    if (!pixels) return "samples of a picture changed";
    const Result<JpegPixels> reference =
        scaled ? scale_pixels(*pixels, size, deadline()) : Result<JpegPixels>(*pixels);
    if (!reference) return reference.error().text;
    double bound = 0;
    const Result<double> score = score_of(*reference, b, leave, bound);
    if (!score) return score.error().text;
    // Written so that a score that is no number fails. A soft mask may be scaled, never blurred.
    if (!(*score >= (leave.lose ? bound : 1.0))) return "score below the bound";
    if (*score + kRounding < *attempt_.score) return "a score is lower than claimed";
    return scaled ? judge_drawn(*pixels, pixels_of(b), leave) : std::string();
}

// Only object streams are reason enough for another version.
bool version_fits(const std::string& before, const std::string& after) {
    return after == before || (after == kObjectStreamVersion && before < after);
}

std::string compare_documents(const PdfDocument& before, const PdfDocument& after, const Attempt& attempt,
                              Context& context) {
    if (!version_fits(before.version(), after.version())) return "the version changed";
    const Deadline deadline = context.budget.deadline();
    PdfPictureUses uses;
    PdfVisit visit;
    uses.watch(visit);
    const auto walked = walk_pdf(before, visit, deadline);
    if (!walked) return walked.error().text;
    // Where pages cannot be read no size is known, and no picture may have been scaled.
    if (attempt.score) static_cast<void>(uses.read_pages(before, deadline));
    PictureJudge judge(before, after, uses, attempt, context);
    const PdfJudges judges{[&](QPDFObjectHandle a, QPDFObjectHandle b) { return judge.judge(a, b); }};
    return compare_pdf(before, after, judges, context.options.max_expanded_bytes, deadline);
}

}  // namespace

std::string verify_pdf(ByteView input, const Attempt& attempt, Context& context) {
    const Deadline deadline = context.budget.deadline();
    const Result<PdfDocument> before = PdfDocument::open(input, deadline);
    if (!before) return before.error().text;
    const Result<PdfDocument> after = PdfDocument::open(attempt.output, deadline);
    if (!after) return fmt::format("result: {}", after.error().text);
    std::string why;
    const Status done = guarded_by_deadline(deadline, [&]() -> Status {
        why = compare_documents(*before, *after, attempt, context);
        return Success{};
    });
    return done ? why : done.error().text;
}

}  // namespace optimilter
