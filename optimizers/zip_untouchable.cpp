// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_untouchable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "base/text.hpp"
#include "optimizers/zip_member.hpp"
#include "optimizers/zip_sniff.hpp"

namespace optimilter {

namespace {

// Parts of lower-case names. The folder and the base name are looked at apart; an empty word fits all.
struct SealingName {
    std::string_view folder;  // the path begins with it
    std::string_view begin;   // the base name begins with it
    std::string_view inside;  // ... holds it
    std::string_view end;     // ... ends with it
};
constexpr SealingName kSealingNames[] = {
    // OPC, Office macros.
    {"_xmlsignatures/", "", "", ""},
    {"package/services/digital-signature/", "", "", ""},
    {"", "vbaprojectsignature", "", ".bin"},
    // ODF, EPUB, ASiC, JAR.
    {"meta-inf/", "", "signature", ""},
    {"meta-inf/", "encryption.xml", "", ""},
    {"meta-inf/", "rights.xml", "", ""},
    {"meta-inf/", "sinf.xml", "", ""},
    {"meta-inf/", "license.lcpl", "", ""},
    {"meta-inf/", "asic", "manifest", ""},
    {"meta-inf/", "", "timestamp", ""},
    {"meta-inf/", "evidencerecord", "", ""},
    {"meta-inf/", "", "", ".sf"},
    {"meta-inf/", "", "", ".rsa"},
    {"meta-inf/", "", "", ".dsa"},
    {"meta-inf/", "", "", ".ec"},
    // Packages of programs.
    {"", "appxsignature.p7x", "", ""},
    {"", "appxblockmap.xml", "", ""},
    {"", "coderesources", "", ""},
    // Detached signatures, time stamps, checksums, recovery data.
    {"", "", "", ".p7s"},
    {"", "", "", ".p7x"},
    {"", "", "", ".sig"},
    {"", "", "", ".minisig"},
    {"", "", "", ".tsr"},
    {"", "", "", ".tst"},
    {"", "", "", ".md5"},
    {"", "", "", ".sha1"},
    {"", "", "", ".sha256"},
    {"", "", "", ".sha512"},
    {"", "", "", ".sfv"},
    {"", "", "", ".par2"},
    {"", "bagit.txt", "", ""},
    {"", "md5", "", "sums"},
    {"", "md5", "", "sums.txt"},
    {"", "sha", "", "sums"},
    {"", "sha", "", "sums.txt"},
    {"", "checksums", "", ".txt"},
    {"", "checksum", "", ".txt"},
};

// Entries whose text tells of a seal, and the words that do.
struct SealingText {
    std::string_view name;
    std::string_view word;
    std::string_view reason;
};
constexpr SealingText kSealingTexts[] = {
    {"[content_types].xml", "digital-signature", "signed document"},
    {"[content_types].xml", "vbaprojectsignature", "signed macros"},
    {"_rels/.rels", "digital-signature", "signed document"},
    {"meta-inf/manifest.xml", "encryption-data", "encrypted document"},
};
constexpr std::uint32_t kSealingTextMax = 16u << 20;

bool fits(const SealingName& row, std::string_view folder, std::string_view base) {
    return folder.substr(0, row.folder.size()) == row.folder &&
           base.substr(0, row.begin.size()) == row.begin && base.find(row.inside) != std::string_view::npos &&
           base.size() >= row.end.size() && base.substr(base.size() - row.end.size()) == row.end;
}

// Lower case and without NUL: XML may be UTF-16.
std::string searchable(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size());
    for (const std::uint8_t byte : bytes) {
        if (byte != 0) text += ascii_lower(static_cast<char>(byte));
    }
    return text;
}

std::optional<Attempt> sealed_by_text(ByteView file, const ZipEntry& entry, std::string_view lower_name,
                                      Budget& budget) {
    if (entry.size > kSealingTextMax || looks_like_bomb(entry) || !budget.spend_expanded_bytes(entry.size)) {
        return leave_alone(Outcome::kOverBudget, fmt::format("{} is too large", lower_name));
    }
    const auto content = MemberContent::of(file, entry);
    if (!content) return leave_alone(zip_refusal(content.error().code), content.error().text);
    const std::string text = searchable(content->bytes());
    for (const SealingText& row : kSealingTexts) {
        if (row.name == lower_name && text.find(row.word) != std::string::npos) {
            return leave_alone(Outcome::kUntouchable, std::string(row.reason));
        }
    }
    return std::nullopt;
}

// "letter.asc" next to "letter" is its signature; alone it may be any text.
std::optional<Attempt> sealed_by_neighbour(ByteView file, const ZipArchive& archive) {
    constexpr std::string_view kArmor = ".asc";
    std::unordered_set<std::string_view> names;
    for (const ZipEntry& entry : archive.entries) names.insert(zip_name(file, entry));
    for (const std::string_view name : names) {
        if (name.size() <= kArmor.size()) continue;
        const std::string_view covered = name.substr(0, name.size() - kArmor.size());
        if (iequals(name.substr(covered.size()), kArmor) && names.count(covered) != 0) {
            return leave_alone(Outcome::kUntouchable, fmt::format("signed: {}", printable(name, 60)));
        }
    }
    return std::nullopt;
}

bool is_aligned_package(ByteView file, const ZipArchive& archive) {
    if (archive.entries.empty() || archive.entries.front().method != kZipStored) return false;
    const std::string first = to_lower(zip_name(file, archive.entries.front()));
    const std::string_view extension =
        std::string_view(first).substr(std::min(first.rfind('.'), first.size()));
    return extension == ".usd" || extension == ".usda" || extension == ".usdc";
}

}  // namespace

bool is_sealing_name(std::string_view name) {
    const std::string lower = to_lower(name);
    const std::size_t slash = lower.rfind('/');
    const std::size_t base_at = slash == std::string::npos ? 0 : slash + 1;
    const std::string_view folder = std::string_view(lower).substr(0, base_at);
    const std::string_view base = std::string_view(lower).substr(base_at);
    return std::any_of(std::begin(kSealingNames), std::end(kSealingNames),
                       [&](const SealingName& row) { return fits(row, folder, base); });
}

std::optional<Attempt> zip_untouchable(ByteView file, const ZipArchive& archive, Budget& budget) {
    if (istarts_with(zip_mimetype(file), "application/vnd.etsi.")) {
        return leave_alone(Outcome::kUntouchable, "signed container (ASiC)");
    }
    // USDZ wants its entries stored, each at a multiple of 64 bytes.
    if (is_aligned_package(file, archive)) {
        return leave_alone(Outcome::kUntouchable, "package with aligned entries");
    }
    for (const ZipEntry& entry : archive.entries) {
        const std::string_view name = zip_name(file, entry);
        if (is_sealing_name(name)) {
            return leave_alone(Outcome::kUntouchable,
                               fmt::format("signed, encrypted or with checksums: {}", printable(name, 60)));
        }
        const std::string lower = to_lower(name);
        const bool tells = std::any_of(std::begin(kSealingTexts), std::end(kSealingTexts),
                                       [&](const SealingText& row) { return row.name == lower; });
        if (!tells) continue;
        if (auto sealed = sealed_by_text(file, entry, lower, budget)) return sealed;
    }
    return sealed_by_neighbour(file, archive);
}

}  // namespace optimilter
