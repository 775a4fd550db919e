// SPDX-License-Identifier: Apache-2.0
//
// The way of one WebP file: its lossless pictures, frames of animations among them, are coded again without
// loss; a lossy still is coded anew in lossy profiles where it is much finer than what the profile asks for.
// Everything around the pictures stays byte for byte. Pictures are never scaled: they come from web sites,
// which scaled them for their use, and libwebp has no scaler whose result we would want to be judged by.
#include <algorithm>
#include <utility>

#include "optimizers/formats.hpp"
#include "optimizers/webp_codec.hpp"
#include "optimizers/webp_limits.hpp"
#include "optimizers/webp_lossy.hpp"

namespace optimilter {

namespace {

// A result must win this share of a picture, and of the file; less would let a second pass find a byte here
// and there.
constexpr std::size_t kLeastGainShare = 100;
// The same for results with loss.
constexpr std::size_t kLeastLossyGainShare = 10;

class WebpOptimization {
  public:
    WebpOptimization(ByteView input, const WebpFile& file, Context& context)
        : input_(input), file_(file), context_(context) {}

    Attempt run() {
        if (!file_.animated && webp_wants_reencoding(file_.pictures.front(), context_.options))
            return lossy();
        for (std::size_t i = 0; i < file_.pictures.size(); ++i) {
            if (!file_.pictures[i].lossless) continue;
            has_lossless_ = true;
            if (Status status = recode(i); !status) return leave_alone(status.error());
        }
        return finish();
    }

  private:
    Attempt finish() const {
        if (!has_lossless_) return leave_alone(Outcome::kNotSmaller, "lossy, and not finer than asked for");
        if (coded_.empty() && late_) return leave_alone(Outcome::kOverBudget, "no time left for any picture");
        Bytes output = write_webp(input_, file_, coded_);
        if (output.size() >= input_.size() - input_.size() / kLeastGainShare)
            return leave_alone(Outcome::kNotSmaller, "not smaller");
        return {Outcome::kOptimized, {}, std::move(output), std::nullopt, {}};
    }

    Status spend(const WebpPicture& picture) {
        if (!context_.budget.spend_pixels(webp_pixels(picture)))
            return Error{ErrorCode::kLimit, "more pixels than the budget allows"};
        if (webp_pixels(picture) > kLargestWebpPixels)
            return Error{ErrorCode::kLimit, "picture too large for the memory of a worker"};
        return Success{};
    }

    // One picture without loss; when the time is up it stays as it is.
    Status recode(std::size_t number) {
        const WebpPicture& picture = file_.pictures[number];
        if (Status status = spend(picture); !status) return status;
        const std::uint64_t pixels = webp_pixels(picture);
        const std::int64_t reserved = webp_verify_ms(to_verify_ + pixels);
        const std::int64_t left = context_.budget.deadline().remaining_ms() - reserved;
        const auto effort =
            webp_lossless_effort(pixels, context_.options.effort, left - webp_decode_ms(pixels));
        if (!effort) {
            late_ = true;
            return Success{};
        }
        const Deadline deadline = Deadline::in_ms(left);
        const Result<Bytes> rgba = decode_webp(picture);
        if (!rgba) return rgba.error();
        Result<Bytes> coded = encode_webp_lossless(*rgba, picture.width, picture.height, *effort, deadline);
        if (!coded && coded.error().code == ErrorCode::kInternal) return coded.error();
        late_ |= !coded;
        if (!coded || coded->size() >= picture.coded.size() - picture.coded.size() / kLeastGainShare)
            return Success{};
        to_verify_ += pixels;
        coded_.emplace(number, std::move(*coded));
        return Success{};
    }

    Attempt lossy() {
        const WebpPicture& picture = file_.pictures.front();
        if (Status status = spend(picture); !status) return leave_alone(status.error());
        const std::uint64_t pixels = webp_pixels(picture);
        const std::int64_t left =
            context_.budget.deadline().remaining_ms() - webp_verify_ms(pixels) - webp_score_ms(pixels);
        if (left <= webp_decode_ms(pixels)) return leave_alone(Outcome::kOverBudget, "no time left");
        const Result<Bytes> rgba = decode_webp(picture);
        if (!rgba) return leave_alone(rgba.error());
        Result<WebpReencoded> made = reencode_webp(picture, *rgba, context_.options, Deadline::in_ms(left));
        if (!made) return leave_alone(made.error());
        coded_.emplace(0, std::move(made->coded));
        Bytes output = write_webp(input_, file_, coded_);
        if (output.size() >= input_.size() - input_.size() / kLeastLossyGainShare)
            return leave_alone(Outcome::kNotSmaller, "not smaller");
        return {Outcome::kOptimized, {}, std::move(output), made->score, {}};
    }

    ByteView input_;
    const WebpFile& file_;
    Context& context_;
    std::map<std::size_t, Bytes> coded_;
    std::uint64_t to_verify_ = 0;
    bool has_lossless_ = false;
    bool late_ = false;
};

}  // namespace

Attempt optimize_webp(ByteView input, Context& context) {
    const Result<WebpFile> file = read_webp(input, kMostWebpChunks);
    if (!file) return leave_alone(file.error());
    if (!context.budget.spend_entries(file->chunks.size()))
        return leave_alone(Outcome::kOverBudget, "more chunks than the budget allows");
    return WebpOptimization(input, *file, context).run();
}

}  // namespace optimilter
