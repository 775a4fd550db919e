// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_document.hpp"

#include <fmt/format.h>

#include <cctype>
#include <new>
#include <qpdf/Buffer.hh>
#include <qpdf/BufferInputSource.hh>
#include <qpdf/Pipeline.hh>
#include <qpdf/QPDFCryptoProvider.hh>
#include <qpdf/QPDFExc.hh>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"
#include "optimizers/pdf_setup.hpp"

namespace optimilter {

namespace {

// More has not been seen in mail, and each costs some hundred bytes of memory.
constexpr std::size_t kMostObjects = 300'000;
// Readers look for the end in the last kilobyte.
constexpr std::size_t kEndWithin = 1024;

// Thrown by our parts that libqpdf calls.
struct TimeIsUp : std::runtime_error {
    TimeIsUp() : std::runtime_error("deadline") {}
};
struct TooLong : std::runtime_error {
    TooLong() : std::runtime_error("stream expands too far") {}
};

// libqpdf reads through this in pieces of 128 bytes to 10 KiB; the clock is asked every thousand.
class WatchedInput : public BufferInputSource {
  public:
    WatchedInput(Buffer* bytes, Deadline deadline)
        : BufferInputSource("input", bytes, true), deadline_(deadline) {}

    size_t read(char* to, size_t length) override {
        constexpr unsigned kPoll = 1024;
        // A long piece may expand a thousandfold before the next one is asked for.
        constexpr std::size_t kLongPiece = 4096;
        if ((++reads_ % kPoll == 0 || length > kLongPiece) && deadline_.expired()) throw TimeIsUp();
        return BufferInputSource::read(to, length);
    }

  private:
    Deadline deadline_;
    unsigned reads_ = 0;
};

// Collects what a stream decodes to.
class BoundedSink : public Pipeline {
  public:
    BoundedSink(std::uint64_t limit_bytes, Deadline deadline)
        : Pipeline("sink", nullptr), limit_(limit_bytes), deadline_(deadline) {}

    void write(unsigned char const* from, size_t length) override {
        constexpr unsigned kPoll = 16;
        if (length > limit_ - bytes.size()) {
            exceeded = true;
            throw TooLong();
        }
        if (++writes_ % kPoll == 0 && deadline_.expired()) throw TimeIsUp();
        bytes.insert(bytes.end(), from, from + length);
    }
    void finish() override {}

    Bytes bytes;
    bool exceeded = false;

  private:
    std::uint64_t limit_;
    Deadline deadline_;
    unsigned writes_ = 0;
};

Error error_of(const QPDFExc& thrown) {
    const bool locked =
        thrown.getErrorCode() == qpdf_e_password || thrown.getErrorCode() == qpdf_e_unsupported;
    if (locked) return {ErrorCode::kRefused, "encrypted document"};
    return {ErrorCode::kMalformed,
            fmt::format("damaged document: {}", printable(thrown.getMessageDetail(), 80))};
}

// A second face of the file, before the header or after the end, would be lost.
Status check_frame(ByteView input) {
    if (!starts_with(input, "%PDF-")) return Error{ErrorCode::kMalformed, "bytes before the header"};
    const std::size_t tail = input.size() > kEndWithin ? input.size() - kEndWithin : 0;
    const std::string_view end = as_text(input.subspan(tail));
    const std::size_t at = end.rfind("%%EOF");
    if (at == std::string_view::npos) return Error{ErrorCode::kMalformed, "no end of file marker"};
    for (const char c : end.substr(at + 5)) {
        if (c != '\0' && std::isspace(static_cast<unsigned char>(c)) == 0)
            return Error{ErrorCode::kMalformed, "bytes after the end"};
    }
    return Success{};
}

std::unique_ptr<QPDF> strict_reader() {
    auto qpdf = std::make_unique<QPDF>();
    qpdf->setSuppressWarnings(true);
    qpdf->setAttemptRecovery(false);
    return qpdf;
}

std::unique_ptr<QPDF> read_document(ByteView input, Deadline deadline) {
    auto qpdf = strict_reader();
    // The buffer does not own the bytes, and libqpdf does not write to them.
    auto* const bytes = const_cast<unsigned char*>(input.data());
    auto buffer = std::make_unique<Buffer>(bytes, input.size());
    qpdf->processInputSource(std::make_shared<WatchedInput>(buffer.release(), deadline));
    return qpdf;
}

Status warnings_of(QPDF& qpdf, Deadline deadline) {
    if (!qpdf.anyWarnings()) return Success{};
    if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
    const std::vector<QPDFExc> warnings = qpdf.getWarnings();
    // Reading the list empties it; what was damaged once stays damaged.
    for (const QPDFExc& warning : warnings) qpdf.warn(warning);
    const std::string what = warnings.empty() ? "warnings" : warnings.front().getMessageDetail();
    return Error{ErrorCode::kMalformed, fmt::format("damaged document: {}", printable(what, 80))};
}

// Some writers tell a /Size beyond the highest number that is in use. Nothing is missing or hidden then,
// unlike with one too small, which tells readers to take objects for missing.
bool tells_larger_size(QPDF& qpdf, const QPDFExc& warning) {
    if (!warning.getMessageDetail().starts_with("reported number of objects (")) return false;
    QPDFObjectHandle size = qpdf.getTrailer().getKey("/Size");
    const std::map<QPDFObjGen, QPDFXRefEntry> table = qpdf.getXRefTable();
    return size.isInteger() && !table.empty() && size.getIntValue() > table.rbegin()->first.getObj();
}

void forgive_larger_size(QPDF& qpdf) {
    for (const QPDFExc& warning : qpdf.getWarnings())
        if (!tells_larger_size(qpdf, warning)) qpdf.warn(warning);
}

Result<Bytes> decode_stream(QPDF& qpdf, QPDFObjectHandle stream, std::uint64_t limit_bytes,
                            Deadline deadline) {
    Bytes bytes;
    const Status read = guarded_by_deadline(deadline, [&]() -> Status {
        BoundedSink sink(limit_bytes, deadline);
        bool filtered = false;
        const bool whole = stream.pipeStreamData(&sink, &filtered, 0, qpdf_dl_specialized, true);
        if (sink.exceeded) {
            // That the stream was not read to its end is our doing: nothing is wrong with the file.
            static_cast<void>(qpdf.getWarnings());
            return Error{ErrorCode::kLimit, "stream expands too far"};
        }
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        if (!whole) return Error{ErrorCode::kMalformed, "damaged document: stream does not decode"};
        if (!filtered) return Error{ErrorCode::kUnsupported, "filter that is not undone"};
        bytes = std::move(sink.bytes);
        return warnings_of(qpdf, deadline);
    });
    if (!read) return read.error();
    return bytes;
}

}  // namespace

void warm_up_pdf() {
    const auto crypto = QPDFCryptoProvider::getImpl();
    crypto->MD5_init();
    crypto->MD5_finalize();
    const auto qpdf = strict_reader();
    qpdf->emptyPDF();
}

Status guarded_by_deadline(Deadline deadline, const std::function<Status()>& body) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const QPDFExc& thrown) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        return error_of(thrown);
    } catch (const std::exception& thrown) {
        if (deadline.expired()) return Error{ErrorCode::kDeadline, "deadline"};
        return Error{ErrorCode::kMalformed,
                     fmt::format("damaged document: {}", printable(thrown.what(), 80))};
    }
}

Result<PdfDocument> PdfDocument::open(ByteView input, Deadline deadline) {
    if (Status framed = check_frame(input); !framed) return framed.error();
    std::unique_ptr<QPDF> qpdf;
    const Status read = guarded_by_deadline(deadline, [&]() -> Status {
        qpdf = read_document(input, deadline);
        if (qpdf->isEncrypted() || qpdf->getTrailer().hasKey("/Encrypt"))
            return Error{ErrorCode::kRefused, "encrypted document"};
        if (qpdf->getXRefTable().size() > kMostObjects) return Error{ErrorCode::kLimit, "too many objects"};
        if (!qpdf->getRoot().isDictionary())
            return Error{ErrorCode::kMalformed, "damaged document: no catalog"};
        forgive_larger_size(*qpdf);
        return Success{};
    });
    if (!read) return read.error();
    PdfDocument document(std::move(qpdf), deadline);
    if (Status sound = document.no_warning(); !sound) return sound.error();
    return document;
}

Status PdfDocument::no_warning() const {
    return warnings_of(*qpdf_, deadline_);
}

Result<Bytes> PdfDocument::raw(QPDFObjectHandle stream) const {
    Bytes bytes;
    const Status read = guarded_by_deadline(deadline_, [&]() -> Status {
        BoundedSink sink(UINT64_MAX, deadline_);
        stream.pipeStreamData(&sink, nullptr, 0, qpdf_dl_none);
        bytes = std::move(sink.bytes);
        return no_warning();
    });
    if (!read) return read.error();
    return bytes;
}

Result<Bytes> PdfDocument::decoded(QPDFObjectHandle stream, std::uint64_t limit_bytes) const {
    return decode_stream(*qpdf_, stream, limit_bytes, deadline_);
}

Result<Bytes> PdfDocument::decoded_before_last(QPDFObjectHandle stream, std::uint64_t limit_bytes) const {
    const Result<Bytes> bytes = raw(stream);
    if (!bytes) return bytes;
    // A document of its own, so that nothing is added to this one.
    const std::unique_ptr<QPDF> bench = strict_reader();
    bench->emptyPDF();
    QPDFObjectHandle filters = QPDFObjectHandle::newArray();
    const std::vector<QPDFObjectHandle> all = stream.getDict().getKey("/Filter").getArrayAsVector();
    for (std::size_t i = 0; i + 1 < all.size(); ++i)
        filters.appendItem(QPDFObjectHandle::newName(QPDFObjectHandle(all[i]).getName()));
    QPDFObjectHandle part = QPDFObjectHandle::newStream(bench.get(), std::string(as_text(*bytes)));
    part.getDict().replaceKey("/Filter", filters);
    return decode_stream(*bench, part, limit_bytes, deadline_);
}

}  // namespace optimilter
