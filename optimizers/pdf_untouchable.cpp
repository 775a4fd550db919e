// SPDX-License-Identifier: Apache-2.0
#include "optimizers/pdf_untouchable.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace optimilter {

namespace {

bool is_name(QPDFObjectHandle value, std::string_view name) {
    return value.isName() && value.getName() == name;
}

bool contains(ByteView bytes, std::string_view word) {
    return as_text(bytes).find(word) != std::string_view::npos;
}

// The end record of a ZIP archive that shares the file: its comment ends where the file ends.
bool ends_as_zip(ByteView input) {
    constexpr std::size_t kRecord = 22;
    constexpr std::size_t kLongestComment = 65'535;
    const std::size_t tail = std::min(input.size(), kRecord + kLongestComment);
    const ByteView end = input.last(tail);
    for (std::size_t at = as_text(end).find("PK\5\6"); at != std::string_view::npos;
         at = as_text(end).find("PK\5\6", at + 1)) {
        if (tail - at >= kRecord && read_le16(&end[at + 20]) == tail - at - kRecord) return true;
    }
    return false;
}

// Bit 1: signatures exist; bit 2: only appending keeps them (ISO 32000-1, table 219).
bool tells_of_signatures(QPDFObjectHandle form) {
    constexpr long long kExistOrAppendOnly = 3;
    if (!form.isDictionary()) return false;
    QPDFObjectHandle flags = form.getKey("/SigFlags");
    return flags.isInteger() && (flags.getIntValue() & kExistOrAppendOnly) != 0;
}

const char* sealed_catalog(QPDFObjectHandle root) {
    if (root.hasKey("/Perms")) return "usage rights or certification";
    if (root.hasKey("/DSS")) return "signed document";
    if (tells_of_signatures(root.getKey("/AcroForm"))) return "signed document";
    if (root.hasKey("/Collection")) return "portfolio";
    QPDFObjectHandle needs_rendering = root.getKey("/NeedsRendering");
    if (needs_rendering.isBool() && needs_rendering.getBoolValue()) return "dynamic XFA form";
    return nullptr;
}

// XMP may be written in UTF-16; the marks we look for are ASCII.
std::string ascii_of(ByteView xmp) {
    std::string text(as_text(xmp));
    text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
    return text;
}

// How the metadata name a standard that binds the file's structure. PDF/UA binds tags alone, which stay.
const char* standard_of(ByteView xmp) {
    struct Mark {
        std::string_view words;
        const char* reason;
    };
    constexpr Mark kMarks[] = {
        {"www.aiim.org/pdfa/ns/id", "PDF/A"},   {"pdfaid:part", "PDF/A"},
        {"www.npes.org/pdfx/ns/id", "PDF/X"},   {"GTS_PDFX", "PDF/X"},
        {"www.npes.org/pdfvt/ns/id", "PDF/VT"}, {"www.aiim.org/pdfe/ns/id", "PDF/E"},
    };
    const std::string text = ascii_of(xmp);
    for (const Mark& mark : kMarks)
        if (text.find(mark.words) != std::string::npos) return mark.reason;
    return nullptr;
}

const char* standard_of(const PdfDocument& document) {
    constexpr std::uint64_t kMostMetadata = 8u << 20;
    QPDFObjectHandle information = document.trailer().getKey("/Info");
    if (information.isDictionary() && information.hasKey("/GTS_PDFXVersion")) return "PDF/X";
    QPDFObjectHandle metadata = document.qpdf().getRoot().getKey("/Metadata");
    if (!metadata.isStream()) return nullptr;
    const Result<Bytes> xmp = document.decoded(metadata, kMostMetadata);
    return xmp ? standard_of(*xmp) : "metadata that cannot be read";
}

}  // namespace

void PdfSeals::look_at(QPDFObjectHandle dictionary) {
    if (reason_ != nullptr) return;
    QPDFObjectHandle type = dictionary.getKey("/Type");
    const bool signature =
        is_name(type, "/Sig") || is_name(type, "/DocTimeStamp") || is_name(type, "/SigRef");
    const bool field = is_name(dictionary.getKey("/FT"), "/Sig") && !dictionary.getKey("/V").isNull();
    if (signature || field || dictionary.hasKey("/ByteRange")) reason_ = "signed document";
    if (is_name(dictionary.getKey("/AFRelationship"), "/EncryptedPayload")) reason_ = "encrypted payload";
    // A PDF/X or PDF/A intent without metadata that say so.
    QPDFObjectHandle intent = dictionary.getKey("/S");
    if (is_name(intent, "/GTS_PDFX")) reason_ = "PDF/X";
    if (is_name(intent, "/GTS_PDFA1")) reason_ = "PDF/A";
}

std::optional<Attempt> PdfSeals::found(ByteView input, const PdfDocument& document) const {
    const char* reason = reason_;
    // Signatures of earlier revisions cannot be reached any more, but somebody may want to show them.
    if (reason == nullptr && contains(input, "/ByteRange")) reason = "signed document";
    if (reason == nullptr) reason = sealed_catalog(document.qpdf().getRoot());
    // An office document rides along, bound to these bytes by a checksum in the trailer.
    if (reason == nullptr && document.trailer().hasKey("/AdditionalStreams"))
        reason = "hybrid of two formats";
    if (reason == nullptr && ends_as_zip(input)) reason = "hybrid of two formats";
    if (reason == nullptr) reason = standard_of(document);
    if (reason == nullptr) return std::nullopt;
    return leave_alone(Outcome::kUntouchable, reason);
}

}  // namespace optimilter
