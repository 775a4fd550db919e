// SPDX-License-Identifier: Apache-2.0
//
// New bytes for one stream of a PDF file: pictures by the optimizers of pictures or as samples with row
// filters, everything else deflated anew. Decides nothing about the file as a whole. Not thread safe, as
// libqpdf.
//
// Security: decodes outside bytes; expanded bytes and pixels are spent from the Budget before they are used.
#pragma once

#include <optional>

#include "optimizers/jpeg_reference.hpp"
#include "optimizers/optimize.hpp"
#include "optimizers/pdf_leave.hpp"
#include "optimizers/pdf_picture.hpp"
#include "optimizers/pdf_writer.hpp"
#include "optimizers/zip_pace.hpp"

namespace optimilter {

// kUntouched: nothing smaller was found.
struct PdfRecoded {
    enum class State { kUntouched, kChanged, kOutOfBudget, kDamaged } state = State::kUntouched;
    std::string damage;  // kDamaged: what
    PdfReplacement replacement;
    std::optional<double> score;
};

PdfRecoded recode_pdf_jpeg(const PdfDocument& document, QPDFObjectHandle stream, const PdfLeave& leave,
                           Context& context);
PdfRecoded recode_pdf_samples(const PdfDocument& document, QPDFObjectHandle stream, const PdfLeave& leave,
                              Context& context, ZipPace& pace);
PdfRecoded recode_pdf_stream(const PdfDocument& document, QPDFObjectHandle stream, Context& context,
                             ZipPace& pace);

// The samples of an 8-bit gray or RGB picture; nothing for others, or when there are more or fewer.
std::optional<JpegPixels> pdf_pixels(const PdfPicture& picture, ByteView samples);

}  // namespace optimilter
