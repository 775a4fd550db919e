// SPDX-License-Identifier: Apache-2.0
#include "optimizers/ole_untouchable.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"

namespace optimilter {

namespace {

using namespace std::string_view_literals;

struct Seal {
    std::string_view name;  // of a stream or storage, wherever it is
    std::string_view reason;
};
constexpr Seal kSeals[] = {
    // [MS-OFFCRYPTO] 2.2, 2.3.
    {"EncryptedPackage"sv, "encrypted document"sv},
    {"EncryptionInfo"sv, "encrypted document"sv},
    {"EncryptedSummary"sv, "encrypted document"sv},
    {"encryption"sv, "encrypted document"sv},
    {"\6DataSpaces"sv, "encrypted or rights-managed document"sv},
    {"\11DRMContent"sv, "rights-managed document"sv},
    {"\11DRMViewerContent"sv, "rights-managed document"sv},
    // [MS-OFFCRYPTO] 2.5, Windows Installer.
    {"_signatures"sv, "signed document"sv},
    {"_xmlsignatures"sv, "signed document"sv},
    {"\5DigitalSignature"sv, "signed document"sv},
    {"\5MsiDigitalSignatureEx"sv, "signed document"sv},
};

}  // namespace

std::optional<Attempt> ole_untouchable(const OleFile& file) {
    for (const OleEntry& entry : file.entries) {
        if (entry.type == OleType::kUnused) continue;
        const auto seal = std::find_if(std::begin(kSeals), std::end(kSeals),
                                       [&](const Seal& row) { return iequals(row.name, entry.name); });
        if (seal != std::end(kSeals)) return leave_alone(Outcome::kUntouchable, std::string(seal->reason));
    }
    return std::nullopt;
}

}  // namespace optimilter
