// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_lossy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "optimizers/effort.hpp"
#include "optimizers/jpeg_coding.hpp"

namespace optimilter {

namespace {

// The search runs on bands of the picture when it is larger than this; the found quality is then always
// measured on the whole picture.
constexpr std::uint64_t kSampledPixels = 400'000;
constexpr std::uint32_t kBandRows = 32;  // a multiple of the largest MCU, so that bands code like the whole

ChromaSampling own_sampling(const JpegMarkers& markers) {
    const auto [across, down] = luma_to_chroma(markers);
    if (across >= 2 && down >= 2) return ChromaSampling::k420;
    if (across >= 2 && down == 1) return ChromaSampling::k422;
    return ChromaSampling::k444;
}

JpegPixels bands_of(const JpegPixels& picture) {
    const std::uint64_t row_pixels = picture.width;
    const std::uint32_t wanted =
        static_cast<std::uint32_t>(std::max<std::uint64_t>(4, kSampledPixels / (row_pixels * kBandRows)));
    if (row_pixels * picture.height <= kSampledPixels || wanted * kBandRows >= picture.height) return picture;
    const std::size_t stride = std::size_t{picture.width} * picture.channels;
    JpegPixels bands{picture.width, wanted * kBandRows, picture.channels, {}};
    bands.samples.reserve(stride * bands.height);
    for (std::uint32_t i = 0; i < wanted; ++i) {
        const std::uint64_t room = picture.height - kBandRows;
        const std::size_t top = static_cast<std::size_t>(room * i / (wanted - 1)) & ~std::size_t{15};
        append(bands.samples, ByteView(picture.samples).subspan(top * stride, stride * kBandRows));
    }
    return bands;
}

// How the quantisation steps of a libjpeg quality relate to Annex K's, in percent.
double step_of(double quality) {
    return std::max(1.0, quality < 50 ? 5000 / quality : 200 - 2 * quality);
}

double quality_of(double step) {
    return step > 100 ? 5000 / step : (200 - step) / 2;
}

// The distance grows about with this power of the steps; what coarser chroma loses whatever the steps
// flattens it.
double distance_growth(ChromaSampling sampling) {
    return sampling == ChromaSampling::k444 ? 0.85 : 0.7;
}
// Aimed a little below the bound, so that most guesses hold, and the last one more surely.
constexpr double kAim = 0.97;
constexpr double kLastAim = 0.93;
// A result this near to the bound is not worth another encode.
constexpr double kNearEnough = 0.90;
// So far beyond the bound the model is trusted, from one look, to say that no quality will do.
constexpr double kHopeless = 1.1;
// What misses the bound by less may reach it without the trellis.
constexpr double kTrellisCosts = 1.12;
// A sample nearer than this to the bound says too little of the whole.
constexpr double kSampleNearEnough = 0.95;

// A measured encode, or the model's view of one.
struct Trial {
    double step = 0;
    double distance = 0;
};

// Where a line through the trials, in logarithms, meets the wanted distance.
double step_for(const std::vector<Trial>& trials, double growth, double distance) {
    const Trial& last = trials.back();
    if (trials.size() > 1) {
        const Trial& before = trials[trials.size() - 2];
        const double across = std::log(last.step / before.step);
        if (across != 0) growth = std::clamp(std::log(last.distance / before.distance) / across, 0.25, 1.0);
    }
    return last.step * std::pow(distance / last.distance, 1 / growth);
}

Result<Bytes> coded_as_ordered(const JpegCoefficients& picture, const JpegOrder& order, Deadline deadline) {
    return code_jpeg(picture, order.segments, order.coding, order.limit_bytes, deadline);
}

// A re-encoding that reaches the bound.
struct Found {
    JpegEncoded encoded;  // without planes once file is there
    Bytes file;           // as ordered; empty: what was measured was coded for speed
    double score = 0;
    int quality = 0;
};

// Bands of a large picture, and what measures them.
struct Sample {
    JpegPixels coded;
    std::shared_ptr<JpegJudge> judge;
};

Result<Sample> sample_of(const JpegPixels& reference, const JpegJudge& judge, Deadline deadline) {
    JpegPixels shown = bands_of(judge.shown());
    // Its bands are seen as much smaller as the whole.
    const std::uint64_t rows = std::uint64_t{shown.height} * judge.seen_size().height / reference.height;
    const PictureSize seen{judge.seen_size().width,
                           std::max<std::uint32_t>(1, static_cast<std::uint32_t>(rows))};
    Result<std::shared_ptr<JpegJudge>> of_bands = JpegJudge::make(std::move(shown), seen, deadline);
    if (!of_bands) return of_bands.error();
    return Sample{bands_of(reference), std::move(*of_bands)};
}

// One way of coding chroma, tried at a few qualities.
class QualitySearch {
  public:
    // judge: of the reference as shown_pixels() makes it. What is coded is YCbCr, what is measured is what is
    // seen: colours that no screen has are clipped, which costs or spares as much as any other error.
    // sample: of both.
    QualitySearch(const JpegPixels& reference, JpegJudge& judge, const Sample& sample, const JpegOrder& order,
                  const Options& options, Deadline deadline)
        : reference_{reference, judge},
          sample_{sample.coded, *sample.judge},
          is_sampled_(sample.coded.height != reference.height),
          order_(order),
          bound_(judge.bound(options)),
          wanted_(distance_of_score(bound_)),
          lowest_(std::clamp<int>(options.jpeg_quality_min, 1, 100)),
          highest_(std::clamp<int>(options.jpeg_quality_max, lowest_, 100)),
          trellis_(effort_settings(options).jpeg_trellis),
          deadline_(deadline) {}

    // kUnsupported: no quality reaches the bound. has_other_way: then give up as soon as a look says so.
    Result<Found> run(ChromaSampling sampling, ScoreChroma chroma, bool has_other_way) {
        nearest_ = std::numeric_limits<double>::max();
        const int start = (lowest_ + 3 * highest_) / 4;
        Result<Found> found = run({sampling, chroma, trellis_}, start, has_other_way);
        const bool missed = !found && found.error().code == ErrorCode::kUnsupported;
        if (!missed || !trellis_ || nearest_ > kTrellisCosts * wanted_) return found;
        return run({sampling, chroma, false}, highest_, has_other_way);
    }

  private:
    struct Picture {
        const JpegPixels& coded;
        JpegJudge& judge;
    };
    struct Way {
        ChromaSampling sampling;
        ScoreChroma chroma;
        bool trellis;
    };

    static Error too_different() { return {ErrorCode::kUnsupported, "no quality reaches the score"}; }

    Result<Found> run(const Way& way, int start, bool has_other_way) {
        Result<Found> guess = search(sample_, way, start, has_other_way);
        if (!is_sampled_) return guess;
        if (!guess && (has_other_way || guess.error().code != ErrorCode::kUnsupported)) return guess;
        // What no sample reaches may still be reached by the whole, where the bad tiles count for less.
        if (!guess) return search(reference_, way, highest_, false);
        const bool close = distance_of_score(guess->score) > kSampleNearEnough * wanted_;
        return search(reference_, way, guess->quality + (close ? 1 : 0), false);
    }

    // The smallest of three encodes that reaches the bound. The last of them takes no risk.
    Result<Found> search(const Picture& picture, const Way& way, int quality, bool has_other_way) {
        Result<Found> best = too_different();
        std::vector<Trial> trials;
        int failing = lowest_ - 1;  // the best quality known to fail, and the worst known to pass
        int passing = highest_ + 1;
        for (int tries = 3; tries > 0 && failing + 1 < passing; --tries) {
            quality = std::clamp(quality, failing + 1, passing - 1);
            Result<Found> result = measured(picture, way, quality);
            if (!result) return result;
            const double distance = distance_of_score(result->score);
            trials.push_back({step_of(quality), std::max(distance, 0.01)});
            if (result->score >= bound_) {
                best = std::move(result);
                passing = quality;
                if (distance >= kNearEnough * wanted_) break;
            } else {
                nearest_ = std::min(nearest_, distance);
                if (has_other_way && hopeless(trials, way.sampling)) break;
                failing = quality;
            }
            quality = next_quality(trials, way.sampling, (tries == 2 ? kLastAim : kAim) * wanted_);
            if (tries == 2 && !best) quality = std::min(highest_, quality + (highest_ - quality + 3) / 4);
        }
        return best;
    }

    // Even the best quality will not do, as far as the model tells.
    bool hopeless(const std::vector<Trial>& trials, ChromaSampling sampling) const {
        const double leeway = trials.size() == 1 ? kHopeless : 1.0;
        return step_for(trials, distance_growth(sampling), leeway * wanted_) < step_of(highest_);
    }

    static int next_quality(const std::vector<Trial>& trials, ChromaSampling sampling, double aim) {
        const double step = step_for(trials, distance_growth(sampling), aim);
        const double quality = std::clamp(quality_of(step), 1.0, 100.0);
        return static_cast<int>(std::ceil(quality));
    }

    Result<Found> measured(const Picture& picture, const Way& way, int quality) const {
        JpegEncoder encoder(0, deadline_, way.trellis);
        if (Status status = encoder.quantize(picture.coded, quality, way.sampling); !status)
            return status.error();
        Found found{{}, {}, 0, quality};
        // After a sample the first look at the whole is mostly the last: then it is at the file itself.
        if (is_sampled_ && &picture == &reference_) {
            Result<Bytes> file = coded_as_ordered(encoder.coefficients(), order_, deadline_);
            if (file) found.file = std::move(*file);
            if (!file && file.error().code != ErrorCode::kRefused) return file.error();
        }
        found.encoded = encoder.take_coefficients();
        if (!found.file.empty()) found.encoded = {};  // as much memory as the decoder takes now
        const Result<double> score = found.file.empty()
                                         ? quick_score(picture.judge, way, found.encoded.picture)
                                         : picture.judge.score(found.file, way.chroma, deadline_);
        if (!score) return score.error();
        found.score = *score;
        return found;
    }

    Result<double> quick_score(JpegJudge& judge, const Way& way, const JpegCoefficients& coded) const {
        // Coding for speed wastes at most this much.
        const std::size_t limit_bytes = 2 * order_.limit_bytes + 65536;
        const Result<Bytes> file =
            code_jpeg_sequential(coded, {}, JpegTables::kStandard, limit_bytes, deadline_);
        if (!file) return file.error();
        return judge.score(*file, way.chroma, deadline_);
    }

    Picture reference_;
    Picture sample_;
    bool is_sampled_;
    const JpegOrder& order_;
    double bound_;
    double wanted_;       // the same as a distance
    double nearest_ = 0;  // the least distance that was too much, of the way under search
    int lowest_;
    int highest_;
    bool trellis_;
    Deadline deadline_;
};

}  // namespace

bool jpeg_wants_reencoding(const JpegMarkers& markers, const Options& options, PictureSize target) {
    if (!options.lossy) return false;
    if (target != PictureSize{markers.width, markers.height}) return true;
    return estimate_jpeg_quality(markers) > options.jpeg_quality_max;
}

std::pair<unsigned, unsigned> luma_to_chroma(const JpegMarkers& markers) {
    if (markers.components.size() != 3) return {1, 1};
    const JpegComponent& luma = markers.components[0];
    const JpegComponent& cb = markers.components[1];
    return {luma.horizontal / cb.horizontal, luma.vertical / cb.vertical};
}

ScoreChroma jpeg_score_chroma(const JpegMarkers& source, const JpegMarkers& result) {
    const auto [across, down] = luma_to_chroma(source);
    const auto [result_across, result_down] = luma_to_chroma(result);
    const bool coarser = result_across > across || result_down > down;
    return coarser ? ScoreChroma::kFullSize : ScoreChroma::kHalfSize;
}

namespace {

Result<Found> reencode(const JpegPixels& reference, JpegJudge& judge, const JpegMarkers& markers,
                       const JpegOrder& order, const Options& options, Deadline deadline) {
    const Result<Sample> sample = sample_of(reference, judge, deadline);
    if (!sample) return sample.error();
    QualitySearch search(reference, judge, *sample, order, options, deadline);
    const ChromaSampling own = own_sampling(markers);
    if (reference.channels == 3 && own != ChromaSampling::k420) {
        Result<Found> found = search.run(ChromaSampling::k420, ScoreChroma::kFullSize, true);
        if (found || found.error().code != ErrorCode::kUnsupported) return found;
    }
    // Scaling made chroma of half the size as fine as luma; where that must stay it is coded so.
    const bool scaled = order.target != PictureSize{markers.width, markers.height};
    if (!scaled || reference.channels != 3 || own == ChromaSampling::k444)
        return search.run(own, ScoreChroma::kHalfSize, false);
    Result<Found> found = search.run(own, ScoreChroma::kHalfSize, true);
    if (found || found.error().code != ErrorCode::kUnsupported) return found;
    return search.run(ChromaSampling::k444, ScoreChroma::kHalfSize, false);
}

}  // namespace

Result<JpegReencoded> reencode_jpeg(ByteView input, const JpegMarkers& markers, const JpegOrder& order,
                                    const Options& options, Deadline deadline) {
    const JpegColors colors = markers.components.size() == 1 ? JpegColors::kGray : JpegColors::kYCbCr;
    const Result<JpegPixels> reference = jpeg_reference(input, order.target, colors, deadline);
    if (!reference) return reference.error();
    const auto judge = JpegJudge::make(shown_pixels(*reference), order.seen, deadline);
    if (!judge) return judge.error();
    Result<Found> found = reencode(*reference, **judge, markers, order, options, deadline);
    if (!found) return found.error();
    if (!found->file.empty()) return JpegReencoded{std::move(found->file), found->score, *judge};
    Result<Bytes> file = coded_as_ordered(found->encoded.picture, order, deadline);
    if (!file) return file.error();
    return JpegReencoded{std::move(*file), found->score, *judge};
}

}  // namespace optimilter
