// SPDX-License-Identifier: Apache-2.0
#include "optimizers/webp_lossy.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "optimizers/png_likeness.hpp"
#include "optimizers/webp_codec.hpp"
#include "optimizers/webp_limits.hpp"

namespace optimilter {

namespace {

// More encodes find no more than a hundredth of the bytes.
constexpr int kMostEncodes = 4;

// The finest quantizer a result may have: that of libwebp for its quality (src/enc/quant_enc.c), which is
// the one of flat segments, less what its segments spread around it.
int finest_written(const Options& options) {
    const double c = std::clamp<int>(options.jpeg_quality_max, 1, 100) / 100.0;
    const double linear = c < 0.75 ? c * (2.0 / 3.0) : 2.0 * c - 1.0;
    const double base = 127.0 * (1.0 - std::cbrt(linear));
    constexpr double kSpread = 0.5;
    return static_cast<int>(base * kSpread);
}

class QualitySearch {
  public:
    QualitySearch(const WebpPicture& picture, ByteView rgba, const Options& options, Deadline deadline)
        : picture_(picture), rgba_(rgba), options_(options), deadline_(deadline) {}

    Result<WebpReencoded> run() {
        const int highest = std::clamp<int>(options_.jpeg_quality_max, 1, 100);
        int low = std::clamp<int>(options_.jpeg_quality_min, 1, highest);
        int high = highest;
        // The upper end first: when it fails there is nothing to search.
        int quality = highest;
        for (int encodes = 0; low <= high && encodes < kMostEncodes; ++encodes) {
            const Result<bool> passes = attempt(quality);
            if (!passes) return best_ ? Result<WebpReencoded>(*best_) : passes.error();
            if (!*passes && quality == highest) break;
            if (*passes) high = quality - 1;
            if (!*passes) low = quality + 1;
            quality = (low + high) / 2;
        }
        if (best_) return *best_;
        return Error{ErrorCode::kUnsupported, "no quality reaches the score"};
    }

  private:
    // true when this quality will do; the smallest that does is kept.
    Result<bool> attempt(int quality) {
        const std::uint64_t pixels = webp_pixels(picture_);
        const std::int64_t cost = 4 * webp_decode_ms(pixels) + webp_score_ms(pixels);
        if (cost >= deadline_.remaining_ms()) return Error{ErrorCode::kDeadline, "no time left"};
        Result<Bytes> coded =
            encode_webp_lossy(rgba_, picture_.width, picture_.height, quality, options_.effort, deadline_);
        if (!coded) return coded.error();
        const Result<Likeness> likeness = compare(*coded);
        if (!likeness) return likeness.error();
        if (!likeness->acceptable(options_) || likeness->alpha_error != 0) return false;
        if (!best_ || coded->size() < best_->coded.size()) best_ = WebpReencoded{*coded, likeness->score};
        return true;
    }

    Result<Likeness> compare(ByteView coded) const {
        const Result<WebpPicture> made = read_webp_picture(coded);
        if (!made) return made.error();
        const Result<int> quantizer = finest_vp8_quantizer(made->bitstream);
        if (!quantizer) return quantizer.error();
        // Finer than what we take for coarse enough: a second pass would take it up again.
        if (*quantizer < finest_written(options_)) return Likeness{};
        const Result<Bytes> seen = decode_webp(*made);
        if (!seen) return seen.error();
        return measure_likeness(rgba_, *seen, picture_.width, picture_.height);
    }

    const WebpPicture& picture_;
    ByteView rgba_;
    const Options& options_;
    Deadline deadline_;
    std::optional<WebpReencoded> best_;
};

}  // namespace

bool webp_wants_reencoding(const WebpPicture& picture, const Options& options) {
    if (!options.lossy || picture.lossless) return false;
    const Result<int> quantizer = finest_vp8_quantizer(picture.bitstream);
    return quantizer && *quantizer < finest_written(options);
}

Result<WebpReencoded> reencode_webp(const WebpPicture& picture, ByteView rgba, const Options& options,
                                    Deadline deadline) {
    return QualitySearch(picture, rgba, options, deadline).run();
}

}  // namespace optimilter
