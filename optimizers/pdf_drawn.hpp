// SPDX-License-Identifier: Apache-2.0
//
// What a screen shows of a PDF picture that was changed, beside what it showed before. Viewers that are
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

// Pixels of an inch: of a screen that shows a page at 100 percent, and of a fine one, or of a page looked at
// more closely.
constexpr unsigned kScreenPpi = 96;
constexpr unsigned kFineScreenPpi = 150;

// The largest use of a picture in pixels of both.
struct PdfScreens {
    PictureUse small = {};
    PictureUse large = {};
};

// The picture at the size that its use has on a screen; each pixel the mean of whole samples, as Splash
// (poppler) draws. Where there are fewer samples than pixels they are repeated. picture: gray or RGB; no side
// of either is 0.
JpegPixels drawn_pixels(const JpegPixels& picture, const PictureUse& use);

class PdfDrawn {
  public:
    // original: gray or RGB, no side 0. screens: no side 0; the large one does not count for icons. leeway:
    // see lowest_score().
    PdfDrawn(const JpegPixels& original, const PdfScreens& screens, const Options& options,
             double leeway = 0.0);

    // The score of the same picture with other samples, as screens show it, 0.0 .. 1.0. Where on the page
    // a picture lies decides whether it takes a pixel more; the lowest score counts.
    double score(const JpegPixels& other) const;
    // What it must reach; the stricter bound for pictures of text, unless they are mere icons.
    double bound() const { return bound_; }
    // What the optimizer is content with: a little better, as viewers round in their own ways.
    double aim() const;

  private:
    void show(const JpegPixels& original, const PictureUse& use);
    double score_at(const JpegPixels& drawn, const JpegPixels& other) const;

    std::vector<JpegPixels> drawn_;
    double bound_;
};

// Of uses, smallest first: the one to try after another, whose result a screen showed with this score instead
// of the aim. Those in between would show, too, as far as the score tells. uses.size(): none is left.
std::size_t next_to_try(const std::vector<PictureUse>& uses, std::size_t tried, double score, double aim);

}  // namespace optimilter
