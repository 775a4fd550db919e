// SPDX-License-Identifier: Apache-2.0
//
// What may be done to a picture of a PDF file beyond coding its samples anew: the one rule that optimizer and
// verification share. Reads dictionaries and the uses that pages have, no samples. Not thread safe, as
// libqpdf.
#pragma once

#include <vector>

#include "optimizers/pdf_drawn.hpp"
#include "optimizers/pdf_picture_use.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

struct PdfLeave {
    bool lose = false;  // change samples within the bounds of the options
    // Sizes that the picture may be scaled down to, smallest first; none: it keeps its own. The first counts
    // whose result a page shows as it showed the original, by the score of what is drawn.
    std::vector<PictureUse> uses = {};
    // Where uses are: what document_ppi makes of its largest use, at which a lossy result with more samples
    // is scored, or its pixels on a fine screen, where it has fewer; and its pixels on screens.
    PictureUse seen = {};
    PdfScreens screens = {};
};

// use, and with it the size at which results are seen.
PictureUse seen_use(PictureUse use, const PdfLeave& leave);
// The size at which samples coded with loss are scored: their own, or a fine screen's, where that is larger.
PictureSize size_on_screen(PictureSize size, const PdfLeave& leave);
// Whether a result of that size is scored smaller than it is. turned: see size_for_use().
bool is_seen_smaller(PictureSize size, const PdfLeave& leave, bool turned);

PdfLeave pdf_leave(const PdfDocument& document, QPDFObjectHandle stream, const PdfPictureUses& uses,
                   const Options& options);

}  // namespace optimilter
