// SPDX-License-Identifier: Apache-2.0
//
// Two PDF files compared object by object from their trailers on, as libqpdf reads them: the same structure,
// the same values, the same sharing, the same decoded bytes of every stream. Only pictures may differ, and a
// judge says about each. Numbers of objects, places and compression do not count. Knows neither how the
// second file was made nor what was meant to change. Not thread safe, as libqpdf.
//
// Security: reads outside structures; each pair of objects is visited once, decoded bytes are bounded, the
// deadline is polled.
#pragma once

#include <functional>
#include <string>

#include "optimizers/pdf_document.hpp"

namespace optimilter {

struct PdfJudges {
    // Asked for picture streams whose bytes differ once decoded, or which do not decode to samples; their
    // dictionaries are equal but for Width, Height and coding. Empty, or what is wrong.
    std::function<std::string(QPDFObjectHandle before, QPDFObjectHandle after)> picture;
};

// Empty, or what differs and where.
std::string compare_pdf(const PdfDocument& before, const PdfDocument& after, const PdfJudges& judges,
                        std::uint64_t most_decoded_bytes, Deadline deadline);

}  // namespace optimilter
