// SPDX-License-Identifier: Apache-2.0
#include "mail/untouchable.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "mail/entity.hpp"
#include "mail/mime_params.hpp"
#include "mail/transfer_coding.hpp"

namespace optimilter {
namespace {

using NamedReason = std::pair<std::string_view, std::string_view>;

// Types that make the whole message untouchable wherever they stand: their bytes are signed or encrypted, or,
// for a detached signature, those of a part next to them.
constexpr NamedReason kSealedTypes[] = {
    {"multipart/signed", "signed (multipart/signed)"},
    {"multipart/encrypted", "encrypted (multipart/encrypted)"},
    {"application/pkcs7-mime", "signed or encrypted (S/MIME)"},
    {"application/x-pkcs7-mime", "signed or encrypted (S/MIME)"},
    {"application/pkcs7-signature", "signed (S/MIME)"},
    {"application/x-pkcs7-signature", "signed (S/MIME)"},
    {"application/pgp", "signed or encrypted (PGP)"},
    {"application/pgp-encrypted", "encrypted (PGP)"},
    {"application/x-pgp-encrypted", "encrypted (PGP)"},
    {"application/pgp-signature", "signed (PGP)"},
    {"application/x-pgp-signature", "signed (PGP)"},
};

// The same as files without a telling type.
constexpr std::string_view kSealedNames[] = {".p7m", ".p7s", ".p7z", ".asc", ".sig"};

constexpr NamedReason kSealedFields[] = {
    {"DKIM-Signature", "signed (DKIM)"},
    {"DomainKey-Signature", "signed (DomainKeys)"},
    {"ARC-Seal", "signed (ARC)"},
    {"ARC-Message-Signature", "signed (ARC)"},
    {"ARC-Authentication-Results", "signed (ARC)"},
};

// Fields that state the size or a digest of the bytes below them.
constexpr std::string_view kVouchingFields[] = {"Content-MD5", "Content-Length", "Digest", "Content-Digest",
                                                "Repr-Digest"};

// Subtrees whose leaves stay as they are.
constexpr NamedReason kClosedSubtrees[] = {
    {"multipart/report", "part of a report"},
    {"multipart/appledouble", "part of an AppleDouble file"},
    {"multipart/form-data", "part of a form"},
    {"multipart/byteranges", "part of a byte range"},
};

// Prefixes of types of leaves that stay as they are.
constexpr NamedReason kClosedTypes[] = {
    {"text/", "text is never changed"},
    {"message/", "an embedded message is never changed"},
    {"application/ms-tnef", "TNEF is never changed"},
    {"application/vnd.ms-tnef", "TNEF is never changed"},
    {"application/pgp", "PGP data is never changed"},
    {"application/x-pgp", "PGP data is never changed"},
    {"application/pkcs7-", "S/MIME data is never changed"},
    {"application/x-pkcs7-", "S/MIME data is never changed"},
    {"application/applefile", "an AppleDouble file is never changed"},
    {"application/mac-binhex", "an AppleDouble file is never changed"},
};

std::string_view sealed_type(std::string_view type) {
    for (const auto& [name, reason] : kSealedTypes)
        if (type == name) return reason;
    return {};
}

std::string_view vouched_for(const HeaderFields& fields) {
    for (const std::string_view name : kVouchingFields)
        if (find_field(fields, name) != nullptr) return "a header field states its size or digest";
    return {};
}

std::string_view sealed_fields(const HeaderFields& fields) {
    for (const auto& [name, reason] : kSealedFields)
        if (find_field(fields, name) != nullptr) return reason;
    return {};
}

// Mail a machine wrote about other mail (RFC 3464, 3798, 5965; RFC 3834 sec. 5 where there is no such type).
std::string_view report(const HeaderFields& fields, std::string_view type, bool null_sender) {
    if (type == "multipart/report") return null_sender ? "a bounce" : "a report";
    for (const std::string_view name :
         {"message/delivery-status", "message/disposition-notification", "message/feedback-report"})
        if (type == name) return "a report";
    if (!null_sender) return {};
    if (find_field(fields, "X-Failed-Recipients") != nullptr) return "a bounce";
    const HeaderField* automatic = find_field(fields, "Auto-Submitted");
    if (automatic != nullptr && !istarts_with(trim(automatic->value), "no")) return "a bounce";
    return {};
}

std::string_view nothing_to_optimise(const Entity& entity) {
    const bool text = entity.type.starts_with("text/") || entity.type.starts_with("message/");
    const bool multipart = entity.type.starts_with("multipart/");
    if (text || (!multipart && entity.encoding != TransferEncoding::kBase64)) return "nothing to optimise";
    return {};
}

constexpr std::string_view kPgpArmour = "-----BEGIN PGP";

// memmem(3) stays linear on text of dashes, which string_view::find() does not.
bool contains(std::string_view text, std::string_view word) {
    return !text.empty() && memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
}

// Quoted-printable may write the blank or a dash of an armour line as an escape; its middle is enough to
// look for then, and a chance hit only leaves one mail as it is.
bool text_holds_pgp(ByteView text, TransferEncoding encoding) {
    const std::string_view raw = as_text(text);
    if (encoding == TransferEncoding::kQuotedPrintable)
        return contains(raw, "BEGIN PGP") || contains(raw, "BEGIN=20PGP");
    return contains(raw, kPgpArmour);
}

bool base64_holds_pgp(ByteView body) {
    const auto layout = inspect_base64(body);
    if (!layout) {
        // Not clean: as far as lenient readers see it.
        const Glimpse seen = glimpse(body, TransferEncoding::kBase64);
        return text_holds_pgp(seen.head, TransferEncoding::kEightBit);
    }
    std::string tail;  // the end of the piece before, so that no armour line hides between two
    bool found = false;
    const Status decoded = decode_base64(body, *layout, [&](ByteView piece) -> Status {
        tail += as_text(piece);
        found = found || contains(tail, kPgpArmour);
        tail.erase(0, tail.size() - std::min(tail.size(), kPgpArmour.size()));
        return Success{};
    });
    return found || !decoded;
}

bool holds_pgp(const Part& part, ByteView body) {
    const ByteView text = slice(body, part.body);
    return part.encoding == TransferEncoding::kBase64 ? base64_holds_pgp(text)
                                                      : text_holds_pgp(text, part.encoding);
}

// A public key is no signature, and some people attach theirs to every mail.
bool has_sealed_name(const Part& part) {
    if (part.type.starts_with("application/pgp-keys")) return false;
    const std::string name = to_lower(part.file_name);
    return std::any_of(std::begin(kSealedNames), std::end(kSealedNames),
                       [&](std::string_view ending) { return name.ends_with(ending); });
}

std::string_view closed_subtree(const MimeIndex& index, const Part& part) {
    for (const Part* at = &part; at->index != 0;) {
        at = &index.parts[at->parent];
        for (const auto& [type, reason] : kClosedSubtrees)
            if (at->type == type) return reason;
    }
    return {};
}

// A size= that is there but cannot be corrected where it stands: in the message's own header, in a form other
// than plain digits, or in RFC 2231 form.
bool has_fixed_size(const Part& part) {
    const HeaderField* field = find_field(part.fields, "Content-Disposition");
    if (field == nullptr || part.size_value) return false;
    const auto value = read_mime_value(field->value);
    if (!value) return true;
    return std::any_of(value->parameters.begin(), value->parameters.end(), [](const MimeParameter& p) {
        return p.name == "size" || p.name.starts_with("size*");
    });
}

// An attached message whose own part states its size or a digest: nothing in it may change.
std::string_view vouched_for_above(const MimeIndex& index, const Part& part) {
    for (const Part* at = &part; at->index != 0;) {
        at = &index.parts[at->parent];
        if (!at->type.starts_with("message/")) continue;
        if (const auto reason = vouched_for(at->fields); !reason.empty()) return reason;
        if (at->size_value || has_fixed_size(*at)) return "part of a message whose size is told";
    }
    return {};
}

std::string_view encoding_reason(TransferEncoding encoding) {
    switch (encoding) {
        case TransferEncoding::kBase64:
            return {};
        case TransferEncoding::kQuotedPrintable:
            return "quoted-printable is read only";
        case TransferEncoding::kUnknown:
            return "an unknown transfer encoding";
        default:
            return "not encoded: read only";
    }
}

}  // namespace

std::string_view untouchable_headers(const HeaderFields& fields, bool null_sender,
                                     const UntouchableOptions& options) {
    if (find_field(fields, kTraceHeader) != nullptr) return "already processed";
    if (const Status version = check_mime_version(fields); !version)
        return version.error().code == ErrorCode::kUnsupported ? "no MIME" : "malformed MIME header";
    if (!check_duplicate_fields(fields)) return "duplicate MIME fields";
    const auto entity = read_entity(fields, "text/plain");
    if (!entity) return "malformed MIME header";
    if (const auto reason = sealed_type(entity->type); !reason.empty()) return reason;
    if (options.skip_dkim)
        if (const auto reason = sealed_fields(fields); !reason.empty()) return reason;
    if (entity->type == "message/partial") return "a fragment (message/partial)";
    if (const auto reason = report(fields, entity->type, null_sender); !reason.empty()) return reason;
    if (const auto reason = vouched_for(fields); !reason.empty()) return reason;
    return nothing_to_optimise(*entity);
}

std::string_view untouchable_message(const MimeIndex& index, ByteView body) {
    for (const Part& part : index.parts) {
        if (const auto reason = sealed_type(part.type); !reason.empty()) return reason;
        if (part.multipart) continue;
        if (has_sealed_name(part)) return "a signed or encrypted attachment";
        if (part.type.starts_with("text/") && holds_pgp(part, body)) return "inline PGP";
    }
    return {};
}

std::string_view untouchable_part(const MimeIndex& index, const Part& part) {
    if (part.multipart) return "a multipart";
    for (const auto& [prefix, reason] : kClosedTypes)
        if (part.type.starts_with(prefix)) return reason;
    if (const auto reason = closed_subtree(index, part); !reason.empty()) return reason;
    if (const auto reason = vouched_for(part.fields); !reason.empty()) return reason;
    if (const auto reason = vouched_for_above(index, part); !reason.empty()) return reason;
    if (const auto reason = encoding_reason(part.encoding); !reason.empty()) return reason;
    if (has_fixed_size(part)) return "a size= that cannot be corrected";
    return {};
}

}  // namespace optimilter
