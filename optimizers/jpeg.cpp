// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "optimizers/effort.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_lossy.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/jpeg_transcode.hpp"

namespace optimilter {

namespace {

Attempt left_alone_for(const Error& error) {
    return leave_alone(jpeg_outcome(error.code), error.text);
}

// A progressive file is decoded once a scan; sixteen are what ordinary files have.
std::uint64_t pixel_cost(const JpegMarkers& markers) {
    return markers.pixels() * (1 + markers.scans / 16);
}

PictureSize size_of(const JpegMarkers& markers) {
    return {markers.width, markers.height};
}

// One picture on its way through the optimizer.
class JpegWork {
  public:
    JpegWork(ByteView input, const JpegMarkers& markers, Context& context)
        : input_(input),
          markers_(markers),
          options_(context.options),
          deadline_(context.budget.deadline()),
          referenced_(jpeg_pixels_are_referenced(input, markers)),
          turned_(jpeg_is_turned(input, markers)),
          target_(jpeg_target_size(markers, context, turned_, referenced_)),
          seen_(jpeg_seen_size(target_, context, turned_)),
          lossy_(jpeg_coding_options(markers, context, target_)) {}

    Attempt run() const {
        if (referenced_ || !jpeg_wants_reencoding(markers_, lossy_, target_))
            return lossless(input_.size() - 1);
        Attempt lossy = reencoded();
        if (lossy.outcome == Outcome::kOverBudget || lossy.outcome == Outcome::kMalformed) return lossy;
        if (lossy.outcome != Outcome::kOptimized) return lossless(input_.size() - 1);
        // Coding the same coefficients anew has never been seen to gain this much on top of a lower quality,
        // and trying would cost as much as all the rest.
        if (lossy.output.size() < input_.size() / 4 * 3) return lossy;
        Attempt same_pixels = lossless(lossy.output.size());
        return same_pixels.outcome == Outcome::kOptimized ? std::move(same_pixels) : std::move(lossy);
    }

  private:
    Attempt lossless(std::size_t limit_bytes) const {
        const auto segments = kept_jpeg_segments(input_, markers_, options_, size_of(markers_));
        if (referenced_ && !jpeg_references_kept(jpeg_segments(input_, markers_), segments))
            return leave_alone(Outcome::kNotApplicable, "XMP that refers to the picture holds a position");
        Result<JpegTranscoded> coded = transcode_jpeg(input_, segments, coding(), limit_bytes, deadline_);
        if (!coded) return left_alone_for(coded.error());
        return {Outcome::kOptimized, {}, std::move(coded->file), {}, {}, coded->decoded_input};
    }

    Attempt reencoded() const {
        const JpegOrder order{target_, seen_, kept_jpeg_segments(input_, markers_, options_, target_),
                              coding(), input_.size() - 1};
        Result<JpegReencoded> lossy = reencode_jpeg(input_, markers_, order, lossy_, deadline_);
        if (!lossy) return left_alone_for(lossy.error());
        return {Outcome::kOptimized, {}, std::move(lossy->file), lossy->score, {}, {}, lossy->judge};
    }

    JpegCodingChoice coding() const {
        return {options_.jpeg_progressive, effort_settings(options_).jpeg_scan_search};
    }

    ByteView input_;
    const JpegMarkers& markers_;
    const Options& options_;
    Deadline deadline_;
    bool referenced_;
    bool turned_;
    PictureSize target_;
    PictureSize seen_;
    Options lossy_;
};

}  // namespace

Attempt optimize_jpeg(ByteView input, Context& context) {
    const Result<JpegMarkers> markers = parse_jpeg_markers(input);
    if (!markers) return left_alone_for(markers.error());
    if (JpegRefusal refusal = refuse_jpeg(input, *markers); refusal)
        return leave_alone(refusal.outcome, refusal.reason);
    if (!context.budget.spend_pixels(pixel_cost(*markers)))
        return leave_alone(Outcome::kOverBudget, "too many pixels");
    return JpegWork(input, *markers, context).run();
}

}  // namespace optimilter
