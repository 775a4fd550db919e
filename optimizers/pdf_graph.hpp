// SPDX-License-Identifier: Apache-2.0
//
// The objects of a PDF file as its readers reach them: from the trailer, through every reference. What cannot
// be reached is of earlier revisions, or rubbish. Knows no meaning of keys, but for those that only tell
// where things lie in the file. Not thread safe.
//
// Security: walks outside structures; each object is visited once, direct nesting is bounded by libqpdf's
// parser, and the deadline is polled.
#pragma once

#include <compare>
#include <functional>
#include <qpdf/QPDFObjGen.hh>
#include <string>
#include <vector>

#include "optimizers/pdf_document.hpp"

namespace optimilter {

// A value's place: the indirect object it stands in (0 0: the trailer) and the way of keys from there.
struct PdfPlace {
    QPDFObjGen object;
    std::string path;

    // The place of the value at key, which is the indirect object itself where the value is a reference.
    PdfPlace at(const std::string& key, const QPDFObjectHandle& value) const;
    bool operator==(const PdfPlace& other) const { return object == other.object && path == other.path; }
    bool operator<(const PdfPlace& other) const {
        return object < other.object || (object == other.object && path < other.path);
    }
};

// The key tells where things lie in the file, or repeats what the file's structure says: in the trailer, and
// in a stream's dictionary.
bool is_pdf_trailer_frame(const std::string& key);
bool is_pdf_stream_frame(const std::string& key);

struct PdfVisit {
    // Each dictionary, those of streams included (then stream is set, else null).
    std::function<void(const PdfPlace& place, QPDFObjectHandle dictionary, QPDFObjectHandle stream)>
        dictionary;
    // Each reference, from the dictionary or array at a place.
    std::function<void(const PdfPlace& from, const std::string& key, QPDFObjectHandle to)> reference;
    // true: a stream's Filter and DecodeParms are not followed, as they will be written anew.
    std::function<bool(QPDFObjGen stream)> replaced;
};

// All objects that can be reached, in the order of their numbers. Functions of visit may be empty. kDeadline;
// kMalformed when libqpdf warns about one of them.
Result<std::vector<QPDFObjectHandle>> walk_pdf(const PdfDocument& document, const PdfVisit& visit,
                                               Deadline deadline);

}  // namespace optimilter
