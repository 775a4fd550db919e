// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_untouchable.hpp"

#include "check.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;

namespace {

struct Name {
    const char* name;
    bool want;
};

constexpr Name kNames[] = {
    {"_xmlsignatures/origin.sigs", true},
    {"_XMLSignatures/sig1.xml", true},
    {"package/services/digital-signature/origin.psdsor", true},
    {"word/vbaProjectSignature.bin", true},
    {"xl/vbaProjectSignatureAgile.bin", true},
    {"META-INF/documentsignatures.xml", true},
    {"META-INF/macrosignatures.xml", true},
    {"META-INF/signatures.xml", true},
    {"META-INF/signatures-1.xml", true},
    {"META-INF/encryption.xml", true},
    {"META-INF/rights.xml", true},
    {"META-INF/license.lcpl", true},
    {"META-INF/ASiCManifest001.xml", true},
    {"META-INF/timestamp.tst", true},
    {"META-INF/CERT.SF", true},
    {"META-INF/CERT.RSA", true},
    {"meta-inf/cert.dsa", true},
    {"META-INF/CERT.EC", true},
    {".signature.p7s", true},
    {"invoice.pdf.p7s", true},
    {"photo.jpg.sig", true},
    {"AppxSignature.p7x", true},
    {"A.app/_CodeSignature/CodeResources", true},
    {"SHA256SUMS", true},
    {"sub/sha1sums.txt", true},
    {"MD5SUMS", true},
    {"checksums.txt", true},
    {"photo.jpg.md5", true},
    {"album.sfv", true},
    {"bagit.txt", true},
    {"word/vbaProject.bin", false},
    {"META-INF/manifest.xml", false},
    {"META-INF/container.xml", false},
    {"META-INF/MANIFEST.MF", false},
    {"word/signatures.xml", false},
    {"signature.png", false},
    {"docs/encryption.xml", false},
    {"src/ChecksumInputStream.java", false},
    {"sha256.c", false},
    {"letter.rsa", false},
    {"", false},
};

void names() {
    for (const Name& row : kNames) CHECK_EQ(is_sealing_name(row.name), row.want, row.name);
}

struct Case {
    const char* name;
    std::vector<Item> items;
    Outcome want;  // kOptimized: nothing to say against it
};

std::string in_utf16(std::string_view text) {
    std::string wide = "\xFF\xFE";
    for (const char c : text) wide += std::string{c, '\0'};
    return wide;
}

const std::vector<Case>& cases() {
    static const std::string signed_types =
        "<Types><Override ContentType=\"application/vnd.openxmlformats-package.digital-signature-origin\"/>";
    static const std::string encrypted_manifest = "<manifest:file-entry><manifest:encryption-data/>";
    static const std::vector<Case> kCases = {
        {"plain document", {{.name = "[Content_Types].xml", .content = "<Types/>"}}, Outcome::kOptimized},
        {"signed by content type",
         {{.name = "[Content_Types].xml", .content = signed_types}},
         Outcome::kUntouchable},
        {"signed, UTF-16",
         {{.name = "[Content_Types].xml", .content = in_utf16(signed_types)}},
         Outcome::kUntouchable},
        {"signed, name in another case",
         {{.name = "[CONTENT_TYPES].XML", .content = signed_types}},
         Outcome::kUntouchable},
        {"signed by relation",
         {{.name = "_rels/.rels",
           .content = "Type=\"http://x/2006/relationships/digital-signature/origin\""}},
         Outcome::kUntouchable},
        {"signed macros by content type",
         {{.name = "[Content_Types].xml", .content = "application/vnd.ms-office.vbaProjectSignature"}},
         Outcome::kUntouchable},
        {"encrypted ODF",
         {{.name = "META-INF/manifest.xml", .content = encrypted_manifest}},
         Outcome::kUntouchable},
        {"ODF",
         {{.name = "META-INF/manifest.xml", .content = "<manifest:file-entry/>"}},
         Outcome::kOptimized},
        {"the word elsewhere", {{.name = "content.xml", .content = encrypted_manifest}}, Outcome::kOptimized},
        {"signed part by name", {{.name = "a"}, {.name = "_xmlsignatures/sig1.xml"}}, Outcome::kUntouchable},
        {"ASiC",
         {{.name = "mimetype", .content = "application/vnd.etsi.asic-s+zip", .method = 0}},
         Outcome::kUntouchable},
        {"armor next to its file", {{.name = "a.txt"}, {.name = "a.txt.asc"}}, Outcome::kUntouchable},
        {"armor alone", {{.name = "a.txt.asc"}, {.name = "b.txt"}}, Outcome::kOptimized},
        {"usdz", {{.name = "scene.usdc", .content = "x", .method = 0}}, Outcome::kUntouchable},
        {"broken content types",
         {{.name = "[Content_Types].xml", .content = "x", .raw = "\xFF\xFF"}},
         Outcome::kMalformed},
        {"content types with a wrong checksum",
         {{.name = "[Content_Types].xml", .content = "<Types/>", .crc = 1u}},
         Outcome::kMalformed},
        {"content types by an unusual method",
         {{.name = "[Content_Types].xml", .content = "x", .method = 12, .raw = "x"}},
         Outcome::kUntouchable},
        {"content types too large",
         {{.name = "[Content_Types].xml", .content = "x", .size = 100u << 20}},
         Outcome::kOverBudget},
        {"nothing", {}, Outcome::kOptimized},
    };
    return kCases;
}

void archives() {
    for (const Case& row : cases()) {
        const Options options;
        Budget budget(Deadline(), options);
        const Bytes file = build(row.items);
        const auto archive = read_zip(file, 100);
        CHECK(archive.has_value(), row.name);
        const auto refused = zip_untouchable(file, *archive, budget);
        CHECK_EQ(outcome_name(refused ? refused->outcome : Outcome::kOptimized), outcome_name(row.want),
                 row.name);
        CHECK(!refused || !refused->reason.empty(), row.name);
    }
}

void looking_is_paid_for() {
    Options options;
    options.max_expanded_bytes = 7;
    Budget budget(Deadline(), options);
    const Bytes file = build({Item{.name = "[Content_Types].xml", .content = "<Types/>"}});
    const auto refused = zip_untouchable(file, *read_zip(file, 100), budget);
    CHECK(refused && refused->outcome == Outcome::kOverBudget);
}

// The whole way: none of them leaves changed.
void optimize_leaves_them_alone() {
    for (const Case& row : cases()) {
        if (row.want == Outcome::kOptimized) continue;
        const Options options;
        Budget budget(Deadline(), options);
        std::vector<Item> items = row.items;
        items.push_back({.name = "word/document.xml", .content = prose(5000)});
        const OptimizeResult result = optimize(build(items), {}, options, budget);
        CHECK_EQ(outcome_name(result.outcome), outcome_name(row.want), row.name);
        CHECK(result.output.empty(), row.name);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(names),
        TEST(archives),
        TEST(looking_is_paid_for),
        TEST(optimize_leaves_them_alone),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
