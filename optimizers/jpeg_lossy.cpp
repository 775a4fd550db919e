// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_lossy.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimizers/effort.hpp"
#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/picture_kind.hpp"

namespace optimilter {

namespace {

// The search runs on bands of the picture when it is larger than this; the found quality is then always
// measured on the whole picture.
constexpr std::uint64_t kSampledPixels = 500'000;
constexpr std::uint32_t kBandRows = 64;  // a multiple of the largest MCU, so that bands code like the whole

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

// The distance grows about with this power of the steps; chroma sampling and the source's own noise flatten
// it.
constexpr double kDistanceGrowth = 0.5;
// Aimed a little below the bound, so that most first guesses hold.
constexpr double kAim = 0.97;
// A result this near to the bound is not worth another encode.
constexpr double kNearEnough = 0.90;

// A measured encode, or the model's view of one.
struct Trial {
    double step = 0;
    double distance = 0;
};

// Where a line through the trials, in logarithms, meets the wanted distance.
double step_for(const std::vector<Trial>& trials, double distance) {
    const Trial& last = trials.back();
    double growth = kDistanceGrowth;
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
    QualitySearch(const JpegPixels& reference, const Options& options, ChromaSampling sampling,
                  ScoreChroma chroma, std::size_t limit_bytes, Deadline deadline)
        : reference_(reference),
          bound_(lowest_score(options, view_of(reference), ScoreColors::kYCbCr)),
          lowest_(std::clamp<int>(options.jpeg_quality_min, 1, 100)),
          highest_(std::clamp<int>(options.jpeg_quality_max, lowest_, 100)),
          trellis_(effort_settings(options).jpeg_trellis),
          sampling_(sampling),
          chroma_(chroma),
          limit_bytes_(limit_bytes),
          deadline_(deadline) {}

    // May this way reach the bound at all, as far as a sample tells?
    Result<bool> promising() const {
        const Result<JpegReencoded> best = measured(bands_of(reference_), highest_);
        if (!best) return best.error();
        return best->score >= bound_;
    }

    Result<JpegReencoded> run() const {
        int start = (lowest_ + highest_) / 2;
        const JpegPixels sample = bands_of(reference_);
        if (sample.height == reference_.height) return search(reference_, start);
        const Result<JpegReencoded> guess = search(sample, start);
        // What no sample reaches may still be reached by the whole, where the bad tiles count for less.
        if (!guess && guess.error().code != ErrorCode::kUnsupported) return guess;
        return search(reference_, guess ? guess->quality : highest_);
    }

  private:
    static Error too_different() { return {ErrorCode::kUnsupported, "no quality reaches the score"}; }

    // The smallest of three encodes that reaches the bound. The last of them takes no risk.
    Result<JpegReencoded> search(const JpegPixels& picture, int quality) const {
        const double wanted = distance_of_score(bound_);
        Result<JpegReencoded> best = too_different();
        std::vector<Trial> trials;
        int failing = lowest_ - 1;  // the best quality known to fail, and the worst known to pass
        int passing = highest_ + 1;
        for (int tries = 3; tries > 0 && failing + 1 < passing; --tries) {
            quality = std::clamp(quality, failing + 1, passing - 1);
            Result<JpegReencoded> result = measured(picture, quality);
            if (!result) return result;
            const double distance = distance_of_score(result->score);
            trials.push_back({step_of(quality), std::max(distance, 0.01)});
            if (result->score >= bound_) {
                best = std::move(result);
                passing = quality;
                if (distance >= kNearEnough * wanted) break;
            } else {
                failing = quality;
            }
            quality = next_quality(trials, wanted);
            if (tries == 2 && !best) quality = std::min(highest_, quality + (highest_ - quality + 3) / 4);
        }
        return best;
    }

    int next_quality(const std::vector<Trial>& trials, double wanted) const {
        const double quality = std::clamp(quality_of(step_for(trials, kAim * wanted)), 1.0, 100.0);
        return static_cast<int>(std::ceil(quality));
    }

    Result<JpegReencoded> measured(const JpegPixels& picture, int quality) const {
        Result<Bytes> file =
            JpegEncoder(limit_bytes_, deadline_, trellis_).encode(picture, quality, sampling_);
        if (!file) return file.error();
        JpegDecoder decoder(*file, deadline_);
        if (Status status = decoder.read_header(); !status) return status.error();
        const Result<JpegPixels> seen =
            decoder.read_pixels(picture.channels == 1 ? JpegColors::kGray : JpegColors::kYCbCr);
        if (!seen) return seen.error();
        const double score = picture_score(picture.samples, seen->samples, picture.width, picture.height,
                                           picture.channels, ScoreColors::kYCbCr, chroma_);
        if (deadline_.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        return JpegReencoded{std::move(*file), score, quality};
    }

    const JpegPixels& reference_;
    double bound_;
    int lowest_;
    int highest_;
    bool trellis_;
    ChromaSampling sampling_;
    ScoreChroma chroma_;
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

Result<JpegReencoded> reencode_jpeg(ByteView input, const JpegMarkers& markers, PictureSize target,
                                    const Options& options, Deadline deadline) {
    const JpegColors colors = markers.components.size() == 1 ? JpegColors::kGray : JpegColors::kYCbCr;
    const Result<JpegPixels> reference = jpeg_reference(input, target, colors, deadline);
    if (!reference) return reference.error();
    const std::size_t limit_bytes = 2 * input.size() + 65536;  // sequential coding wastes at most this much
    const ChromaSampling own = own_sampling(markers);
    if (reference->channels == 3 && own != ChromaSampling::k420) {
        const QualitySearch coarser(*reference, options, ChromaSampling::k420, ScoreChroma::kFullSize,
                                    limit_bytes, deadline);
        const Result<bool> promising = coarser.promising();
        if (!promising) return promising.error();
        Result<JpegReencoded> found =
            *promising ? coarser.run() : Error{ErrorCode::kUnsupported, "chroma would be lost"};
        if (found || found.error().code != ErrorCode::kUnsupported) return found;
    }
    const QualitySearch usual(*reference, options, own, ScoreChroma::kHalfSize, limit_bytes, deadline);
    // Scaling made chroma of half the size as fine as luma; where that must stay it is coded so.
    const bool scaled = target != PictureSize{markers.width, markers.height};
    if (!scaled || reference->channels != 3 || own == ChromaSampling::k444) return usual.run();
    const Result<bool> promising = usual.promising();
    if (!promising) return promising.error();
    if (*promising) return usual.run();
    return QualitySearch(*reference, options, ChromaSampling::k444, ScoreChroma::kHalfSize, limit_bytes,
                         deadline)
        .run();
}

}  // namespace optimilter
