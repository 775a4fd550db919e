// SPDX-License-Identifier: Apache-2.0
//
// Pictures and JPEG files made on the spot for the tests of the JPEG family. Deterministic.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/jpeg_encoder.hpp"
#include "optimizers/jpeg_markers.hpp"
#include "optimizers/jpeg_metadata.hpp"
#include "optimizers/jpeg_transcode.hpp"

namespace optimilter::pictures {

class Random {
  public:
    explicit Random(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}
    std::uint32_t next() {
        state_ = state_ * 1664525u + 1013904223u;
        return state_ >> 8;
    }
    int within(int low, int high) {
        return low + static_cast<int>(next() % static_cast<unsigned>(high - low + 1));
    }

  private:
    std::uint32_t state_;
};

// Waves, edges and noise of the given amplitude (a fifth of it in chroma, as cameras have it, and no edges);
// YCbCr or gray.
inline JpegPixels scene(std::uint32_t width, std::uint32_t height, std::uint32_t channels, int noise,
                        std::uint32_t seed = 1) {
    Random random(seed);
    JpegPixels pixels{width, height, channels, Bytes(std::size_t{width} * height * channels)};
    std::uint8_t* to = pixels.samples.data();
    for (std::uint32_t y = 0; y < height; ++y) {
        for (std::uint32_t x = 0; x < width; ++x) {
            for (std::uint32_t c = 0; c < channels; ++c) {
                const double wave = 40 * std::sin(x * 0.05 * (c + 1)) * std::cos(y * 0.03);
                const int edge = c != 0 ? 0 : (x / 37 + y / 23) % 2 != 0 ? 25 : -25;
                const int value =
                    128 + static_cast<int>(wave) + edge + random.within(-noise, noise) / (c == 0 ? 1 : 5);
                *to++ = static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
            }
        }
    }
    return pixels;
}

inline Bytes bytes_of(std::string_view text) {
    return Bytes(text.begin(), text.end());
}

template <typename T>
T must(Result<T> result) {
    if (!result) throw check::Failure("unexpected error: " + result.error().text);
    return std::move(*result);
}

// A JPEG file with segments, sequential (with optimised tables) or progressive.
inline Bytes jpeg_of(const JpegPixels& pixels, int quality, ChromaSampling sampling = ChromaSampling::k420,
                     const std::vector<JpegSegmentBytes>& segments = {}, bool progressive = false) {
    constexpr std::size_t kLimit = 64u << 20;
    const std::size_t limit = pixels.samples.size() * 4 + 65536;
    const Bytes plain = must(JpegEncoder(limit, Deadline()).encode(pixels, quality, sampling));
    return must(transcode_jpeg(plain, segments, progressive, kLimit / 8, Deadline())).file;
}

// As a camera would write it: standard tables, nothing optimised, segments in front.
inline Bytes camera_jpeg(const JpegPixels& pixels, int quality,
                         ChromaSampling sampling = ChromaSampling::k420,
                         const std::vector<JpegSegmentBytes>& segments = {}) {
    Bytes plain =
        must(JpegEncoder(pixels.samples.size() * 4 + 65536, Deadline()).encode(pixels, quality, sampling));
    Bytes file(plain.begin(), plain.begin() + 2);
    for (const JpegSegmentBytes& segment : segments) {
        const std::size_t length = segment.payload.size() + 2;
        for (const unsigned v :
             {0xFFu, unsigned{segment.marker}, unsigned(length >> 8), unsigned(length & 255)})
            file.push_back(static_cast<std::uint8_t>(v));
        append(file, segment.payload);
    }
    append(file, ByteView(plain).subspan(2));
    return file;
}

inline Options lossy_options() {
    Options options;
    options.lossy = true;
    options.score_min = 9500;
    return options;
}

struct Outcomes {
    Attempt attempt;
    std::string verified;  // empty: the result may replace the input
    bool optimized = false;
};

// What the driver does with one JPEG file.
inline Outcomes run(ByteView input, const Options& options, int depth = 0, Deadline deadline = Deadline()) {
    Budget budget(deadline, options);
    Context context{options, budget, depth, {}};
    Outcomes outcomes{optimize_jpeg(input, context), {}, false};
    if (outcomes.attempt.outcome != Outcome::kOptimized || outcomes.attempt.output.size() >= input.size())
        return outcomes;
    outcomes.verified = verify_jpeg(input, outcomes.attempt, context);
    outcomes.optimized = outcomes.verified.empty();
    return outcomes;
}

inline JpegMarkers markers_of(ByteView file) {
    return must(parse_jpeg_markers(file));
}

}  // namespace optimilter::pictures
