// SPDX-License-Identifier: Apache-2.0
//
// The forms that an annotation draws (ISO 32000-1, 12.5.5 and 12.5.6.19): its appearances, and the icons that
// a viewer makes new appearances of. For each, where it stands and how it gets to the page. Knows no content.
// Not thread safe, as libqpdf.
//
// Security: reads outside structures; what is not as the standard has it is left out, so that nobody takes it
// for known.
#pragma once

#include <qpdf/QPDFMatrix.hh>
#include <string>
#include <vector>

#include "optimizers/pdf_graph.hpp"

namespace optimilter {

// A form XObject.
bool is_pdf_form(QPDFObjectHandle object);

struct PdfAppearance {
    QPDFObjectHandle form;
    // The dictionary and key that refer to it.
    PdfPlace from;
    std::string key;
    // What comes before the form's own matrix; the scale is the largest that a viewer may use.
    QPDFMatrix matrix;
};

// annotation: the value at place. Empty when it has no sound rectangle.
std::vector<PdfAppearance> pdf_appearances(const PdfPlace& place, QPDFObjectHandle annotation);

}  // namespace optimilter
