// SPDX-License-Identifier: Apache-2.0
//
// One PDF file (ISO 32000) open in libqpdf, read strictly: a cross-reference table that is wrong is not
// rebuilt, and one warning of the reader means that it guessed, so the file is refused. Only what readers of
// today see is read: the last revision. Knows nothing of pictures. Not thread safe; the input must outlive
// it.
//
// Security: reads outside bytes. Reading polls the deadline; what a stream expands to is bounded by the
// caller. Only cross-reference and object streams, which libqpdf expands by itself, are bounded by the
// deadline and the memory limit of the worker alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <qpdf/QPDF.hh>
#include <qpdf/QPDFObjectHandle.hh>
#include <string>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "optimizers/outcome.hpp"

namespace optimilter {

// libqpdf throws; whatever leaves body by exception becomes an error. Memory that is out passes on.
Status guarded_by_deadline(Deadline deadline, const std::function<Status()>& body);

class PdfDocument {
  public:
    // kRefused: encrypted. kMalformed: damaged, or bytes before the header or after the end. kDeadline.
    // kLimit: more objects than we look at.
    static Result<PdfDocument> open(ByteView input, Deadline deadline);

    QPDF& qpdf() const { return *qpdf_; }
    QPDFObjectHandle trailer() const { return qpdf_->getTrailer(); }

    // kMalformed as soon as libqpdf has had a warning.
    Status no_warning() const;

    // The bytes of a stream as they lie in the file.
    Result<Bytes> raw(QPDFObjectHandle stream) const;
    // Decoded by all its filters. kUnsupported: a filter we do not undo (pictures, Crypt); kLimit: more than
    // limit_bytes; kMalformed, kDeadline.
    Result<Bytes> decoded(QPDFObjectHandle stream, std::uint64_t limit_bytes) const;

    // Decoded by all filters but the last, of streams without DecodeParms.
    Result<Bytes> decoded_before_last(QPDFObjectHandle stream, std::uint64_t limit_bytes) const;

    // The version of the header, "1.4".
    std::string version() const { return qpdf_->getPDFVersion(); }

  private:
    PdfDocument(std::unique_ptr<QPDF> qpdf, Deadline deadline)
        : qpdf_(std::move(qpdf)), deadline_(deadline) {}

    std::unique_ptr<QPDF> qpdf_;
    Deadline deadline_;
};

}  // namespace optimilter
