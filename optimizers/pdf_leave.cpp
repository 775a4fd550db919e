// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_leave.hpp"

#include <algorithm>

#include "optimizers/pdf_picture.hpp"
#include "optimizers/picture_scale.hpp"

namespace optimilter {

namespace {

// Tenths of document_ppi that are tried, where fewer show on the page. Pictures as they are made (200, 300,
// 400, 600 ppi) are no results of ours with either profile.
constexpr unsigned kPpiSteps[] = {10, 12, 15, 18, 21, 26, 32};

// A picture of a size that scaling gives was scaled by us: it stays.
std::vector<PictureUse> scaling_steps(QPDFObjGen number, PictureSize size, const PdfPictureUses& uses,
                                      unsigned ppi) {
    std::vector<PictureUse> steps;
    for (const unsigned tenths : kPpiSteps) {
        const PictureUse use = uses.at_ppi(number, ppi * tenths / 10);
        if (use.width_px == 0 || use.height_px == 0) return {};
        if (is_cut_to_use(size, use)) return {use};
        steps.push_back(use);
    }
    return steps;
}

bool is_larger(const PictureUse& use, PictureSize size) {
    return use.width_px > size.width && use.height_px > size.height;
}

// fine: pixels on a fine screen.
PictureUse where_seen(PictureSize size, const PictureUse& at_document_ppi, const PictureUse& fine) {
    if (!is_larger(at_document_ppi, size)) return at_document_ppi;
    // Nobody looks so closely at more than a page of A3 at a time.
    constexpr std::uint64_t kMostPixels = 5'000'000;
    if (std::uint64_t{fine.width_px} * fine.height_px > kMostPixels || !is_larger(fine, size)) return {};
    return fine;
}

}  // namespace

PdfLeave pdf_leave(const PdfDocument& document, QPDFObjectHandle stream, const PdfPictureUses& uses,
                   const Options& options) {
    if (!options.lossy) return {};
    const PdfPicture picture = describe_pdf_picture(document, stream);
    if (!picture.seen_as_it_is) return {};
    const QPDFObjGen number = stream.getObjGen();
    // Much enlarged on the page, every error shows.
    constexpr unsigned kFewestPpi = 72;
    const PictureSize size{picture.width, picture.height};
    const PictureUse coarse = uses.at_ppi(number, kFewestPpi);
    const bool enlarged = coarse.width_px > size.width || coarse.height_px > size.height;
    const auto at_most = [&](unsigned ppi) {
        return uses.at_ppi(number, std::min<unsigned>(ppi, options.document_ppi));
    };
    // Soft masks are scaled like their pictures, but every sample left stays exact.
    return {uses.shown_only(number) && !enlarged,
            scaling_steps(number, size, uses, options.document_ppi),
            where_seen(size, uses.at_ppi(number, options.document_ppi), at_most(kFineScreenPpi)),
            {at_most(kScreenPpi), at_most(kFineScreenPpi)}};
}

PictureUse seen_use(PictureUse use, const PdfLeave& leave) {
    if (leave.uses.empty()) return use;
    use.seen_width_px = leave.seen.width_px;
    use.seen_height_px = leave.seen.height_px;
    return use;
}

PictureSize size_on_screen(PictureSize size, const PdfLeave& leave) {
    if (leave.uses.empty() || !is_larger(leave.seen, size)) return size;
    return {leave.seen.width_px, leave.seen.height_px};
}

bool is_seen_smaller(PictureSize size, const PdfLeave& leave, bool turned) {
    return !leave.uses.empty() && size_for_use(size, leave.seen, turned) != size;
}

}  // namespace optimilter
