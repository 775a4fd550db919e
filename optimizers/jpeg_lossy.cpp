// SPDX-License-Identifier: Apache-2.0
#include "optimizers/jpeg_lossy.hpp"

#include <algorithm>
#include <vector>

#include "optimizers/jpeg_encoder.hpp"

namespace optimilter {

namespace {

// The search runs on bands of the picture when it is larger than this; the found quality is then always
// measured on the whole picture.
constexpr std::uint64_t kSampledPixels = 1'500'000;
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

// One way of coding chroma, tried at several qualities.
class QualitySearch {
  public:
    QualitySearch(const JpegPixels& reference, const Options& options, ChromaSampling sampling,
                  ScoreChroma chroma, std::size_t limit_bytes, Deadline deadline)
        : reference_(reference),
          bound_(options.score_min / 10000.0),
          lowest_(std::clamp<int>(options.jpeg_quality_min, 1, 100)),
          highest_(std::clamp<int>(options.jpeg_quality_max, lowest_, 100)),
          sampling_(sampling),
          chroma_(chroma),
          limit_bytes_(limit_bytes),
          deadline_(deadline) {}

    Result<JpegReencoded> run() const {
        const Result<int> start = lowest_passing(bands_of(reference_));
        if (!start) return start.error();
        for (int quality = *start;; quality = std::min(quality + 2, highest_)) {
            Result<JpegReencoded> result = measured(reference_, quality);
            if (!result || result->score >= bound_) return result;
            if (quality == highest_) return too_different();
        }
    }

  private:
    static Error too_different() { return {ErrorCode::kUnsupported, "no quality reaches the score"}; }

    Result<int> lowest_passing(const JpegPixels& sample) const {
        int low = lowest_;
        int high = highest_;
        // The upper end first: when it fails there is nothing to search.
        for (int quality = high; low <= high; quality = (low + high) / 2) {
            const Result<JpegReencoded> result = measured(sample, quality);
            if (!result) return result.error();
            if (result->score >= bound_) {
                high = quality - 1;
            } else {
                if (quality == highest_) return too_different();
                low = quality + 1;
            }
        }
        return low;
    }

    Result<JpegReencoded> measured(const JpegPixels& picture, int quality) const {
        Result<Bytes> file = JpegEncoder(limit_bytes_, deadline_).encode(picture, quality, sampling_);
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
        Result<JpegReencoded> coarser = QualitySearch(*reference, options, ChromaSampling::k420,
                                                      ScoreChroma::kFullSize, limit_bytes, deadline)
                                            .run();
        if (coarser || coarser.error().code != ErrorCode::kUnsupported) return coarser;
    }
    return QualitySearch(*reference, options, own, ScoreChroma::kHalfSize, limit_bytes, deadline).run();
}

}  // namespace optimilter
