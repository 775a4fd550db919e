// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_lossy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "optimizers/effort.hpp"
#include "optimizers/picture_kind.hpp"

namespace optimilter {

namespace {

// The search runs on bands of the picture when it is larger than this; the found quality is then always
// measured on the whole picture.
constexpr std::uint64_t kSampledPixels = 400'000;
constexpr std::uint32_t kBandRows = 32;  // a multiple of the largest MCU, so that bands code like the whole

// How much finer luma is than chroma, across and down.
std::pair<unsigned, unsigned> luma_to_chroma(const JpegMarkers& markers) {
    if (markers.components.size() != 3) return {1, 1};
    const JpegComponent& luma = markers.components[0];
    const JpegComponent& cb = markers.components[1];
    return {luma.horizontal / cb.horizontal, luma.vertical / cb.vertical};
}

ChromaSampling own_sampling(const JpegMarkers& markers) {
    const auto [across, down] = luma_to_chroma(markers);
    if (across >= 2 && down >= 2) return ChromaSampling::k420;
    if (across >= 2 && down == 1) return ChromaSampling::k422;
    return ChromaSampling::k444;
}

PictureView view_of(const JpegPixels& picture) {
    return {picture.samples.data(), picture.width, picture.height, picture.channels};
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

// One way of coding chroma, tried at a few qualities.
class QualitySearch {
  public:
    // shown: the reference as shown_pixels() makes it. What is coded is YCbCr, what is measured is what is
    // seen: colours that no screen has are clipped, which costs or spares as much as any other error.
    QualitySearch(const JpegPixels& reference, const JpegPixels& shown, double bound, const Options& options,
                  std::size_t limit_bytes, Deadline deadline)
        : reference_{reference, shown},
          sample_coded_(bands_of(reference)),
          sample_shown_(bands_of(shown)),
          sample_{sample_coded_, sample_shown_},
          bound_(bound),
          wanted_(distance_of_score(bound)),
          lowest_(std::clamp<int>(options.jpeg_quality_min, 1, 100)),
          highest_(std::clamp<int>(options.jpeg_quality_max, lowest_, 100)),
          trellis_(effort_settings(options).jpeg_trellis),
          limit_bytes_(limit_bytes),
          deadline_(deadline) {}

    // kUnsupported: no quality reaches the bound. has_other_way: then give up as soon as a look says so.
    Result<JpegReencoded> run(ChromaSampling sampling, ScoreChroma chroma, bool has_other_way) {
        nearest_ = std::numeric_limits<double>::max();
        const int start = (lowest_ + 3 * highest_) / 4;
        Result<JpegReencoded> found = run({sampling, chroma, trellis_}, start, has_other_way);
        const bool missed = !found && found.error().code == ErrorCode::kUnsupported;
        if (!missed || !trellis_ || nearest_ > kTrellisCosts * wanted_) return found;
        return run({sampling, chroma, false}, highest_, has_other_way);
    }

  private:
    struct Picture {
        const JpegPixels& coded;
        const JpegPixels& shown;
    };
    struct Way {
        ChromaSampling sampling;
        ScoreChroma chroma;
        bool trellis;
    };

    static Error too_different() { return {ErrorCode::kUnsupported, "no quality reaches the score"}; }

    Result<JpegReencoded> run(const Way& way, int start, bool has_other_way) {
        Result<JpegReencoded> guess = search(sample_, way, start, has_other_way);
        if (sample_coded_.height == reference_.coded.height) return guess;
        if (!guess && (has_other_way || guess.error().code != ErrorCode::kUnsupported)) return guess;
        // What no sample reaches may still be reached by the whole, where the bad tiles count for less.
        if (!guess) return search(reference_, way, highest_, false);
        const bool close = distance_of_score(guess->score) > kSampleNearEnough * wanted_;
        return search(reference_, way, guess->quality + (close ? 1 : 0), false);
    }

    // The smallest of three encodes that reaches the bound. The last of them takes no risk.
    Result<JpegReencoded> search(const Picture& picture, const Way& way, int quality, bool has_other_way) {
        Result<JpegReencoded> best = too_different();
        std::vector<Trial> trials;
        int failing = lowest_ - 1;  // the best quality known to fail, and the worst known to pass
        int passing = highest_ + 1;
        for (int tries = 3; tries > 0 && failing + 1 < passing; --tries) {
            quality = std::clamp(quality, failing + 1, passing - 1);
            Result<JpegReencoded> result = measured(picture, way, quality);
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

    Result<JpegReencoded> measured(const Picture& picture, const Way& way, int quality) const {
        JpegEncoder encoder(limit_bytes_, deadline_, way.trellis);
        const Result<Bytes> file = encoder.encode(picture.coded, quality, way.sampling);
        if (!file) return file.error();
        JpegDecoder decoder(*file, deadline_);
        if (Status status = decoder.read_header(); !status) return status.error();
        const JpegPixels& shown = picture.shown;
        const Result<JpegPixels> seen =
            decoder.read_pixels(shown.channels == 1 ? JpegColors::kGray : JpegColors::kRgb);
        if (!seen) return seen.error();
        const double score = picture_score(shown.samples, seen->samples, shown.width, shown.height,
                                           shown.channels, ScoreColors::kRgb, way.chroma);
        if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        return JpegReencoded{encoder.take_coefficients(), score, quality, {}};
    }

    Picture reference_;
    JpegPixels sample_coded_;
    JpegPixels sample_shown_;
    Picture sample_;
    double bound_;
    double wanted_;       // the same as a distance
    double nearest_ = 0;  // the least distance that was too much, of the way under search
    int lowest_;
    int highest_;
    bool trellis_;
    std::size_t limit_bytes_;
    Deadline deadline_;
};

}  // namespace

bool jpeg_wants_reencoding(const JpegMarkers& markers, const Options& options, PictureSize target) {
    if (!options.lossy) return false;
    if (target != PictureSize{markers.width, markers.height}) return true;
    return estimate_jpeg_quality(markers) > options.jpeg_quality_max;
}

ScoreChroma jpeg_score_chroma(const JpegMarkers& source, const JpegMarkers& result) {
    const auto [across, down] = luma_to_chroma(source);
    const auto [result_across, result_down] = luma_to_chroma(result);
    const bool coarser = result_across > across || result_down > down;
    return coarser ? ScoreChroma::kFullSize : ScoreChroma::kHalfSize;
}

namespace {

Result<JpegReencoded> reencode(const JpegPixels& reference, const JpegPixels& shown,
                               const JpegMarkers& markers, PictureSize target, const Options& options,
                               std::size_t limit_bytes, Deadline deadline) {
    const double bound = lowest_score(options, view_of(shown), ScoreColors::kRgb);
    QualitySearch search(reference, shown, bound, options, limit_bytes, deadline);
    const ChromaSampling own = own_sampling(markers);
    if (reference.channels == 3 && own != ChromaSampling::k420) {
        Result<JpegReencoded> found = search.run(ChromaSampling::k420, ScoreChroma::kFullSize, true);
        if (found || found.error().code != ErrorCode::kUnsupported) return found;
    }
    // Scaling made chroma of half the size as fine as luma; where that must stay it is coded so.
    const bool scaled = target != PictureSize{markers.width, markers.height};
    if (!scaled || reference.channels != 3 || own == ChromaSampling::k444)
        return search.run(own, ScoreChroma::kHalfSize, false);
    Result<JpegReencoded> found = search.run(own, ScoreChroma::kHalfSize, true);
    if (found || found.error().code != ErrorCode::kUnsupported) return found;
    return search.run(ChromaSampling::k444, ScoreChroma::kHalfSize, false);
}

}  // namespace

Result<JpegReencoded> reencode_jpeg(ByteView input, const JpegMarkers& markers, PictureSize target,
                                    const Options& options, Deadline deadline) {
    const JpegColors colors = markers.components.size() == 1 ? JpegColors::kGray : JpegColors::kYCbCr;
    const Result<JpegPixels> reference = jpeg_reference(input, target, colors, deadline);
    if (!reference) return reference.error();
    JpegPixels shown = shown_pixels(*reference);
    const std::size_t limit_bytes = 2 * input.size() + 65536;  // sequential coding wastes at most this much
    Result<JpegReencoded> found =
        reencode(*reference, shown, markers, target, options, limit_bytes, deadline);
    if (found) found->reference = std::move(shown.samples);
    return found;
}

}  // namespace optimilter
