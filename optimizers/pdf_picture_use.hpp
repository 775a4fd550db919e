// SPDX-License-Identifier: Apache-2.0
//
// Where a PDF file uses its pictures, and how large its pages show them: page contents, form XObjects and
// appearances of annotations are read for the transformation in force at each "Do" (ISO 32000-1, 8.3
// and 8.8); the largest use counts. A picture used in a way that is not followed (patterns, fonts) has no
// known size. Knows no samples. Not thread safe, as libqpdf.
//
// Security: weighs references of outside files; beyond the bounds of pdf_page_reading no size is known.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "optimizers/optimize.hpp"
#include "optimizers/pdf_document.hpp"
#include "optimizers/pdf_graph.hpp"
#include "optimizers/pdf_page_reading.hpp"

namespace optimilter {

class PdfPictureUses {
  public:
    // Sees every reference of the file: hand it to walk_pdf() before anything is asked.
    void watch(PdfVisit& visit);

    // Reads the pages. Until then, and when they cannot be read to the end, no size is known.
    Status read_pages(const PdfDocument& document, Deadline deadline);

    // true when the picture is used as a picture and as nothing else (mask, thumbnail, alternate).
    bool shown_only(QPDFObjGen picture) const;

    // Pixels that are of use at so many pixels an inch; 0 x 0 when not known. A soft mask has the uses of the
    // pictures it belongs to.
    PictureUse at_ppi(QPDFObjGen picture, unsigned ppi) const;

  private:
    struct Reference {
        PdfPlace from;
        std::string key;
    };
    Status forget_forms_used_elsewhere(Deadline deadline);
    bool all_followed(const std::vector<Reference>& references) const;
    bool add_uses(QPDFObjGen picture, bool follow_masks, PdfShownSize& largest) const;
    bool all_uses_seen(const PdfPlace& xobjects) const;

    std::map<QPDFObjGen, std::vector<Reference>> references_;  // to pictures and forms, by target
    // Resources (of pages, forms, patterns, fonts) that have a dictionary of XObjects, by its place.
    std::map<PdfPlace, std::set<PdfPlace>> resources_;
    // Who has resources, by their place.
    std::map<PdfPlace, std::set<QPDFObjGen>> owners_;
    PdfShown shown_;
    bool pages_read_ = false;
};

}  // namespace optimilter
