// SPDX-License-Identifier: Apache-2.0
//
// What a screen shows of a PDF picture that was scaled down, beside what it showed before. Viewers that are
// quick draw by whole samples: every pixel is the mean of a few of them, one more here, one less there. So
// fewer samples show, even where far more are left than the screen has pixels, and a score of the samples
// alone does not see it. Knows no PDF. Thread safe: pure functions on a constant object.
#pragma once

#include <cstddef>
#include <vector>

#include "optimizers/jpeg_decoder.hpp"
#include "optimizers/optimize.hpp"
#include "optimizers/options.hpp"

namespace optimilter {

// Pixels of an inch of screen, as most viewers draw a page at 100 percent.
constexpr unsigned kScreenPpi = 96;

// The picture at the size that its use has on a screen; each pixel the mean of whole samples, as Splash
// (poppler) draws. Where there are fewer samples than pixels they are repeated.
JpegPixels drawn_pixels(const JpegPixels& picture, const PictureUse& use);

class PdfDrawn {
  public:
    // original: gray or RGB, no side 0. use: its largest one, in pixels of the screen, neither of them 0.
    // leeway: see lowest_score().
    PdfDrawn(const JpegPixels& original, const PictureUse& use, const Options& options, double leeway = 0.0);

    // The score of the same picture with other samples, as the screen shows it, 0.0 .. 1.0. Where on the page
    // a picture lies decides whether it takes a pixel more; the lower score of both counts.
    double score(const JpegPixels& scaled) const;
    // What it must reach; the stricter bound for pictures of text, unless they are mere icons.
    double bound() const { return bound_; }
    // What the optimizer is content with: a little better, as viewers round in their own ways.
    double aim() const;

  private:
    double score_at(const JpegPixels& drawn, const JpegPixels& scaled) const;

    JpegPixels drawn_;
    JpegPixels drawn_larger_;
    double bound_;
};

// Of uses, smallest first: the one to try after another, whose result a screen showed with this score instead
// of the aim. Those in between would show, too, as far as the score tells. uses.size(): none is left.
std::size_t next_to_try(const std::vector<PictureUse>& uses, std::size_t tried, double score, double aim);

}  // namespace optimilter
