// SPDX-License-Identifier: Apache-2.0
//
// A picture cut into bands of planes, as the score measures it: luma and chroma apart, at full size and
// halved. Bands keep the memory at a few hundred rows whatever the picture's size. Knows nothing of errors
// and weights. Thread safe: pure functions on values.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace optimilter {

enum class ScoreColors { kRgb, kYCbCr };  // YCbCr as in JFIF (full range, BT.601)

// 8-bit samples, interleaved, width x height x channels, rows without padding. The samples must outlive it.
struct PictureView {
    const std::uint8_t* samples = nullptr;
    std::size_t width = 0;
    std::size_t height = 0;
    std::size_t channels = 0;  // 1 or 3
};

// One channel, its sides padded with copies of the last sample to a multiple of 4 and at least to 8.
class ScorePlane {
  public:
    ScorePlane() = default;
    ScorePlane(std::size_t width, std::size_t height);

    std::size_t width() const { return padded_width_; }
    std::size_t height() const { return padded_height_; }
    std::uint8_t* row(std::size_t y) { return &samples_[y * padded_width_]; }
    const std::uint8_t* row(std::size_t y) const { return &samples_[y * padded_width_]; }
    // After the rows are filled.
    void pad();
    // Means of 2x2 samples.
    ScorePlane halved() const;

  private:
    std::size_t width_ = 0;
    std::size_t height_ = 0;
    std::size_t padded_width_ = 0;
    std::size_t padded_height_ = 0;
    Bytes samples_;
};

// Rows top .. top + rows of a picture: luma alone, or luma, Cb and Cr.
std::vector<ScorePlane> score_band(const PictureView& picture, ScoreColors colors, std::size_t top,
                                   std::size_t rows);

}  // namespace optimilter
