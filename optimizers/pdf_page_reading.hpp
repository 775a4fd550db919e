// SPDX-License-Identifier: Apache-2.0
//
// Follows what the pages of a PDF file draw: their contents, form XObjects within them, and the appearances
// of annotations. Tells how large each picture is shown at most, and what was followed to its end, so that
// others can tell which uses are known. Knows no samples. Not thread safe, as libqpdf.
//
// Security: reads outside content streams. Tokens, form visits and nesting are counted against constants,
// decoded bytes against a bound of their own.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "optimizers/pdf_document.hpp"
#include "optimizers/pdf_graph.hpp"

namespace optimilter {

struct PdfShownSize {
    double width_inches = 0;
    double height_inches = 0;
};

struct PdfShown {
    std::set<QPDFObjGen> read;  // pages, nodes of their tree, and forms whose content was read
    // References of annotations that were followed: a dictionary's place, and the key.
    std::set<std::pair<PdfPlace, std::string>> followed;
    std::map<QPDFObjGen, PdfShownSize> sizes;  // by picture, the largest
};

// Errors when the pages cannot be followed to their end. An annotation that cannot be is left out.
Result<PdfShown> read_shown_pictures(const PdfDocument& document, Deadline deadline);

}  // namespace optimilter
