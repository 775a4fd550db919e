// SPDX-License-Identifier: Apache-2.0
//
// A WebP file through the driver. Promises: libwebp's animation decoder, which no optimizer uses, composes
// the same canvases at the same times before and after where no loss was claimed; a second pass changes
// nothing.
#include <webp/demux.h>

#include <vector>

#include "fuzz/optimized.hpp"

namespace optimilter::fuzz {

namespace {

struct Canvas {
    int until_ms = 0;
    Bytes samples;
    friend bool operator==(const Canvas&, const Canvas&) = default;
};

std::vector<Canvas> canvases_of(ByteView file) {
    constexpr std::uint64_t kMostPixels = 256 * 1024;
    constexpr std::uint32_t kMostFrames = 50;
    const WebPData data{file.data(), file.size()};
    std::vector<Canvas> canvases;
    WebPAnimDecoder* const decoder = WebPAnimDecoderNew(&data, nullptr);
    if (decoder == nullptr) return canvases;
    WebPAnimInfo info{};
    WebPAnimDecoderGetInfo(decoder, &info);
    const std::uint64_t pixels = std::uint64_t{info.canvas_width} * info.canvas_height;
    if (pixels <= kMostPixels && info.frame_count <= kMostFrames) {
        std::uint8_t* canvas = nullptr;
        Canvas now;
        while (WebPAnimDecoderHasMoreFrames(decoder) &&
               WebPAnimDecoderGetNext(decoder, &canvas, &now.until_ms)) {
            now.samples.assign(canvas, canvas + 4 * pixels);
            canvases.push_back(now);
        }
    }
    WebPAnimDecoderDelete(decoder);
    return canvases;
}

void run(ByteView file) {
    if (sniff(file) != Format::kWebp) return;
    const Options options = small_options(hash_of(file) & 1);
    const OptimizeResult result = optimize_file(file, options);
    if (result.outcome != Outcome::kOptimized) return;
    const auto before = canvases_of(file);
    const auto after = canvases_of(result.output);
    promise(before.size() == after.size(), "all frames stay");
    promise(result.score || before == after, "the samples stay");
    check_second_pass(result, options);
}

}  // namespace

}  // namespace optimilter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    optimilter::fuzz::run({bytes, size});
    return 0;
}
