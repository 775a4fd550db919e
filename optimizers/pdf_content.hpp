// SPDX-License-Identifier: Apache-2.0
//
// The operators of a PDF content stream (ISO 32000-1, 7.8.2) that move and draw XObjects: q, Q, cm and Do;
// all others are skipped, inline pictures included. Knows no resources. Thread safe: pure functions.
//
// Security: reads outside bytes with libqpdf's tokenizer; tokens are counted, nesting of q is bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <qpdf/QPDFMatrix.hh>
#include <string>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace optimilter {

struct PdfContentBounds {
    std::uint64_t tokens_left;
    Deadline deadline;
};

// Calls draw with each "Do": the name ("/Im1") and the transformation in force. kMalformed: bad tokens,
// operators without operands. kLimit, kDeadline. Errors of draw end the reading.
Status read_pdf_content(ByteView content, const QPDFMatrix& start, PdfContentBounds& bounds,
                        const std::function<Status(const std::string& name, const QPDFMatrix& matrix)>& draw);

}  // namespace optimilter
