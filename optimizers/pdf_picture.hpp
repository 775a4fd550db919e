// SPDX-License-Identifier: Apache-2.0
//
// What the dictionary of a PDF picture (ISO 32000-1, 8.9.5) says of its samples, and whether they may change.
// Reads dictionaries only, no samples. Not thread safe, as libqpdf.
//
// Security: reads outside structures; sizes are checked before anybody multiplies them.
#pragma once

#include <cstdint>
#include <qpdf/QPDFObjectHandle.hh>
#include <string>

#include "optimizers/pdf_document.hpp"

namespace optimilter {

enum class PdfCoding {
    kPlain,  // filters that give samples: Flate, LZW, RunLength, ASCII, none
    kDct,    // a JPEG file, alone or within filters as above
    kOther,  // JPX, JBIG2, CCITT, Crypt, unknown: left as it is
};

struct PdfPicture {
    std::uint32_t width = 0;  // samples
    std::uint32_t height = 0;
    unsigned bits = 0;        // a component
    unsigned components = 0;  // 0: not known
    PdfCoding coding = PdfCoding::kOther;
    // Gray or RGB as people see it (device, calibrated or by an ICC profile of that kind), all of its range
    // used, nothing that depends on exact samples: a picture that loss may be measured on.
    bool seen_as_it_is = false;

    // Bytes of all rows, 0 when not known.
    std::uint64_t sample_bytes() const;
};

// true for image XObjects.
bool is_pdf_picture(QPDFObjectHandle stream);

PdfPicture describe_pdf_picture(const PdfDocument& document, QPDFObjectHandle stream);

// How a stream is coded, by its filters.
PdfCoding pdf_coding(QPDFObjectHandle stream);

// The JPEG file of a kDct stream. kUnsupported: parameters that change how it decodes.
Result<Bytes> pdf_jpeg_file(const PdfDocument& document, QPDFObjectHandle stream, std::uint64_t limit_bytes);

}  // namespace optimilter
