// SPDX-License-Identifier: Apache-2.0
//
// Writes a PDF file anew: objects keep their numbers, everything that is no stream goes into object streams
// (ISO 32000-1, 7.5.7), the cross-reference table is a stream (7.5.8), one revision, not linearized. Nothing
// of ours is in it, no date, no name; the same input gives the same bytes. libqpdf's own writer would deflate
// with zlib. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "optimizers/pdf_document.hpp"

namespace optimilter {

// New bytes of a stream. Its dictionary stays but for what is said here.
struct PdfReplacement {
    Bytes bytes;
    std::string filter;  // "/FlateDecode", "/DCTDecode"
    std::string parms;   // of DecodeParms, as text; empty: none
    // Pictures that were scaled; 0: as they were.
    std::uint32_t width_px = 0;
    std::uint32_t height_px = 0;
};
using PdfReplacements = std::map<QPDFObjGen, PdfReplacement>;

// level: libdeflate's, for the streams of the file's structure. kDeadline, kMalformed (an object that
// libqpdf cannot read), kUnsupported (object numbers beyond what readers take).
Result<Bytes> write_pdf(const PdfDocument& document, const PdfReplacements& replacements, int level,
                        Deadline deadline);

}  // namespace optimilter
