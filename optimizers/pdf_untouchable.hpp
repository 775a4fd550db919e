// SPDX-License-Identifier: Apache-2.0
//
// PDF files that nobody may rewrite: signed or meant to be, with usage rights, of a kind whose rules we
// cannot prove to keep (PDF/A, PDF/X, PDF/E, PDF/VT), portfolios, dynamic XFA forms, hybrids with another
// format. Encrypted ones are refused by PdfDocument. Not thread safe, as libqpdf.
#pragma once

#include <optional>

#include "optimizers/optimize.hpp"
#include "optimizers/pdf_graph.hpp"

namespace optimilter {

class PdfSeals {
  public:
    // Looks at every dictionary of the file: call it for each that walk_pdf() visits.
    void look_at(QPDFObjectHandle dictionary);

    // Why the file must stay as it is, or nothing. After the walk.
    std::optional<Attempt> found(ByteView input, const PdfDocument& document) const;

  private:
    const char* reason_ = nullptr;
};

}  // namespace optimilter
