// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_jpeg.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/jpeg_judge.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_reference.hpp"
#include "optimizers/jpeg_transcode.hpp"

namespace optimilter {

namespace {

// BT.601 full range as JFIF has it, 16 bits of fraction.
JpegPixels ycbcr_of(const JpegPixels& rgb) {
    if (rgb.channels == 1) return rgb;
    JpegPixels result{rgb.width, rgb.height, 3, Bytes(rgb.samples.size())};
    for (std::size_t i = 0; i + 2 < rgb.samples.size(); i += 3) {
        const int r = rgb.samples[i];
        const int g = rgb.samples[i + 1];
        const int b = rgb.samples[i + 2];
        result.samples[i] = static_cast<std::uint8_t>((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
        result.samples[i + 1] =
            static_cast<std::uint8_t>(((-11059 * r - 21709 * g + 32768 * b + 32767) >> 16) + 128);
        result.samples[i + 2] =
            static_cast<std::uint8_t>(((32768 * r - 27439 * g - 5329 * b + 32767) >> 16) + 128);
    }
    return result;
}

// Adobe's segment says YCbCr (T.872, 6.5.3), so that no reader has to guess.
std::vector<JpegSegmentBytes> segments_for(const JpegPixels& samples) {
    if (samples.channels == 1) return {};
    return {{jpeg_marker::kApp14, {'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1}}};
}

class Search {
  public:
    // judge: of samples.
    Search(const JpegPixels& samples, JpegJudge& judge, const Options& options, Deadline deadline)
        : judge_(judge),
          coded_(ycbcr_of(samples)),
          bound_(judge.bound(options)),
          lowest_(std::clamp<int>(options.jpeg_quality_min, 1, 100)),
          highest_(std::clamp<int>(options.jpeg_quality_max, lowest_, 100)),
          deadline_(deadline) {}

    Result<PdfJpeg> run() {
        Result<PdfJpeg> best = encode(highest_, ChromaSampling::k420);
        ChromaSampling sampling = ChromaSampling::k420;
        if (best && best->score < bound_ && coded_.channels == 3) {
            sampling = ChromaSampling::k444;
            best = encode(highest_, sampling);
        }
        if (!best) return best;
        if (best->score < bound_) return Error{ErrorCode::kUnsupported, "no quality reaches the bound"};
        constexpr int kSteps = 2;
        int low = lowest_;
        int high = highest_;
        for (int step = 0; step < kSteps && low < high; ++step) {
            const int middle = (low + high) / 2;
            Result<PdfJpeg> tried = encode(middle, sampling);
            if (!tried) return tried;
            if (tried->score < bound_) {
                low = middle + 1;
            } else {
                high = middle;
                best = std::move(tried);
            }
        }
        return best;
    }

  private:
    Result<PdfJpeg> encode(int quality, ChromaSampling sampling) {
        const std::size_t limit = 2 * coded_.samples.size() + 65536;
        Result<Bytes> file = JpegEncoder(limit, deadline_).encode(coded_, quality, sampling);
        if (!file) return file.error();
        const Result<double> score = judge_.score(*file, ScoreChroma::kFullSize, deadline_);
        if (!score) return score.error();
        return PdfJpeg{std::move(*file), *score};
    }

    JpegJudge& judge_;
    JpegPixels coded_;
    double bound_;
    int lowest_;
    int highest_;
    Deadline deadline_;
};

}  // namespace

Result<PdfJpeg> pdf_jpeg_of(const JpegPixels& samples, PictureSize seen, const Options& options,
                            std::size_t limit_bytes, Deadline deadline) {
    const auto judge = JpegJudge::make(samples, seen, deadline);
    if (!judge) return judge.error();
    const Result<PdfJpeg> found = Search(samples, **judge, options, deadline).run();
    if (!found) return found;
    Result<JpegTranscoded> coded =
        transcode_jpeg(found->file, segments_for(samples), options.jpeg_progressive, limit_bytes, deadline);
    if (!coded) return coded.error();
    return PdfJpeg{std::move(coded->file), found->score};
}

Result<JpegPixels> pdf_jpeg_pixels(ByteView file, PictureSize size, Deadline deadline) {
    const Result<JpegMarkers> markers = parse_jpeg_markers(file);
    if (!markers) return markers.error();
    const JpegColors colors = markers->components.size() == 1 ? JpegColors::kGray : JpegColors::kRgb;
    return jpeg_reference(file, size, colors, deadline);
}

}  // namespace optimilter
