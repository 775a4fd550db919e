// SPDX-License-Identifier: Apache-2.0
//
// Checks a WebP result against the file it would replace, from the bytes of both alone. The files are read by
// libwebp's own demultiplexer, not by webp_chunks.hpp: frames with their places, durations, blending and
// disposal, the canvas, its background, loops, and every other chunk; then each picture that is not the same
// byte for byte is decoded on both sides and compared sample by sample, or by its score.
#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>

#include "optimizers/formats.hpp"
#include "optimizers/png_likeness.hpp"
#include "optimizers/webp_limits.hpp"

namespace optimilter {

namespace {

struct DemuxerFree {
    void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DemuxerFree>;

struct PixelsFree {
    void operator()(std::uint8_t* pixels) const { WebPFree(pixels); }
};

struct IteratorFree {
    void operator()(WebPIterator* iterator) const { WebPDemuxReleaseIterator(iterator); }
};

Demuxer demux(ByteView bytes) {
    const WebPData data{bytes.data(), bytes.size()};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    Demuxer demuxer(WebPDemuxPartial(&data, &state));
    return state == WEBP_DEMUX_DONE ? std::move(demuxer) : nullptr;
}

ByteView coded_bytes(const WebPIterator& frame) {
    return {frame.fragment.bytes, frame.fragment.size};
}

bool same_bytes(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool holds_picture(std::string_view type) {
    return type == "VP8 " || type == "VP8L" || type == "ALPH" || type == "ANMF";
}

// Every chunk but those of pictures, in order, by a walk of its own: both files are sound for libwebp by now.
std::vector<ByteView> other_chunks(ByteView bytes) {
    std::vector<ByteView> chunks;
    for (std::size_t at = 12; bytes.size() - at >= 8;) {
        const std::size_t size = read_le32(&bytes[at + 4]);
        const std::size_t whole = std::min(8 + size + size % 2, bytes.size() - at);
        if (!holds_picture(as_text(bytes.subspan(at, 4)))) chunks.push_back(bytes.subspan(at, whole));
        at += whole;
    }
    return chunks;
}

std::string compare_chunks(ByteView input, ByteView output) {
    const std::vector<ByteView> before = other_chunks(input);
    const std::vector<ByteView> after = other_chunks(output);
    for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i) {
        if (i >= before.size()) return "a chunk was added";
        const std::string type(as_text(before[i].first(4)));
        if (i >= after.size()) return fmt::format("chunk {} is lost", type);
        if (!same_bytes(before[i], after[i])) return fmt::format("chunk {} differs", type);
    }
    return {};
}

std::string compare_canvas(const WebPDemuxer* before, const WebPDemuxer* after) {
    constexpr WebPFormatFeature kFeatures[] = {WEBP_FF_FORMAT_FLAGS,     WEBP_FF_CANVAS_WIDTH,
                                               WEBP_FF_CANVAS_HEIGHT,    WEBP_FF_LOOP_COUNT,
                                               WEBP_FF_BACKGROUND_COLOR, WEBP_FF_FRAME_COUNT};
    constexpr std::string_view kNames[] = {"flags",      "width",      "height",
                                           "loop count", "background", "frame count"};
    // Of a simple file the flags tell alpha as the bitstream hints at it; the samples are compared instead.
    const bool simple = WebPDemuxGetI(before, WEBP_FF_FORMAT_FLAGS) < 32;
    for (std::size_t i = 0; i < std::size(kFeatures); ++i) {
        std::uint32_t want = WebPDemuxGetI(before, kFeatures[i]);
        std::uint32_t got = WebPDemuxGetI(after, kFeatures[i]);
        if (simple && kFeatures[i] == WEBP_FF_FORMAT_FLAGS) {
            want &= ~std::uint32_t{ALPHA_FLAG};
            got &= ~std::uint32_t{ALPHA_FLAG};
        }
        if (want != got) return fmt::format("{} differs", kNames[i]);
    }
    return {};
}

class FrameComparison {
  public:
    FrameComparison(const Attempt& attempt, const Context& context)
        : lossy_(attempt.score.has_value()),
          options_(context.options),
          deadline_(context.budget.deadline()) {}

    // Empty when both show the same.
    std::string run(const WebPDemuxer* input, const WebPDemuxer* output) {
        const std::uint32_t frames = WebPDemuxGetI(input, WEBP_FF_FRAME_COUNT);
        for (std::uint32_t i = 1; i <= frames; ++i) {
            WebPIterator want{};
            WebPIterator got{};
            const std::unique_ptr<WebPIterator, IteratorFree> free_want(&want);
            const std::unique_ptr<WebPIterator, IteratorFree> free_got(&got);
            if (!WebPDemuxGetFrame(input, static_cast<int>(i), &want) ||
                !WebPDemuxGetFrame(output, static_cast<int>(i), &got))
                return fmt::format("frame {} is lost", i);
            if (std::string why = compare(want, got); !why.empty())
                return fmt::format("frame {}: {}", i, why);
        }
        return {};
    }

  private:
    std::string compare(const WebPIterator& want, const WebPIterator& got) {
        if (want.x_offset != got.x_offset || want.y_offset != got.y_offset) return "moved";
        if (want.width != got.width || want.height != got.height) return "another size";
        if (want.duration != got.duration) return "duration differs";
        if (want.dispose_method != got.dispose_method || want.blend_method != got.blend_method)
            return "blending or disposal differs";
        if (!want.complete || !got.complete) return "incomplete";
        if (same_bytes(coded_bytes(want), coded_bytes(got))) return {};
        if (deadline_.expired()) return "no time left to verify";
        return compare_samples(want, got);
    }

    std::string compare_samples(const WebPIterator& want, const WebPIterator& got) {
        const std::size_t size =
            std::size_t{4} * static_cast<unsigned>(want.width) * static_cast<unsigned>(want.height);
        if (size > 4 * kLargestWebpPixels) return "too large to verify";
        const Pixels before = decode(want);
        const Pixels after = decode(got);
        if (!before || !after) return "does not decode";
        const ByteView a(before.get(), size);
        const ByteView b(after.get(), size);
        if (!lossy_) return same_bytes(a, b) ? std::string() : "samples differ";
        const Likeness likeness = measure_likeness(a, b, static_cast<std::uint32_t>(want.width),
                                                   static_cast<std::uint32_t>(want.height));
        if (likeness.alpha_error != 0) return "alpha differs";
        return likeness.acceptable(options_) ? std::string() : "score below the bound";
    }

    using Pixels = std::unique_ptr<std::uint8_t, PixelsFree>;

    static Pixels decode(const WebPIterator& frame) {
        int width = 0;
        int height = 0;
        Pixels pixels(WebPDecodeRGBA(frame.fragment.bytes, frame.fragment.size, &width, &height));
        return width == frame.width && height == frame.height ? std::move(pixels) : nullptr;
    }

    bool lossy_;
    const Options& options_;
    Deadline deadline_;
};

}  // namespace

std::string verify_webp(ByteView input, const Attempt& attempt, Context& context) {
    if (attempt.score && !context.options.lossy) return "loss in a lossless profile";
    const ByteView output = attempt.output;
    const Demuxer before = demux(input);
    const Demuxer after = demux(output);
    if (!before || !after) return "libwebp finds no sound file";
    if (output.size() != std::size_t{read_le32(&output[4])} + 8) return "bytes after the end of the result";
    if (std::string why = compare_chunks(input, output); !why.empty()) return why;
    if (std::string why = compare_canvas(before.get(), after.get()); !why.empty()) return why;
    return FrameComparison(attempt, context).run(before.get(), after.get());
}

}  // namespace optimilter
