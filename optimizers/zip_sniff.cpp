// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_sniff.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "optimizers/zip_reader.hpp"

namespace optimilter {

namespace {

constexpr std::string_view kMimetypeName = "mimetype";
constexpr std::size_t kMimetypeMax = 256;

// Entries that make an archive a program or a package: its installer or loader may care about every byte.
constexpr std::string_view kProgramNames[] = {
    "META-INF/MANIFEST.MF", "META-INF/mozilla.rsa", "META-INF/cose.manifest", "classes.dex",
    "AndroidManifest.xml",  "AppxManifest.xml",     "AppxBlockMap.xml",       "install.rdf",
};

// Where the bytes of an archive say nothing, its name may: JAR files need no manifest.
constexpr std::string_view kProgramExtensions[] = {".jar", ".war", ".ear",   ".aar",  ".apk",  ".xpi",
                                                   ".ipa", ".whl", ".nupkg", ".msix", ".appx", ".vsix"};
constexpr std::string_view kProgramTypes[] = {"application/java-archive", "application/x-java-archive",
                                              "application/vnd.android.package-archive",
                                              "application/x-xpinstall"};

bool hinted_program(const TypeHint& hint) {
    const auto ends_name = [&](std::string_view extension) {
        return hint.file_name.size() >= extension.size() &&
               iequals(hint.file_name.substr(hint.file_name.size() - extension.size()), extension);
    };
    return std::any_of(std::begin(kProgramExtensions), std::end(kProgramExtensions), ends_name) ||
           std::find(std::begin(kProgramTypes), std::end(kProgramTypes), hint.mime_type) !=
               std::end(kProgramTypes);
}

// "Payload/Some.app/Info.plist" (iOS), "pkg-1.0.dist-info/RECORD" (Python: digests of every member).
bool is_program_name(std::string_view name) {
    const auto is_name = [name](std::string_view word) { return iequals(name, word); };
    if (std::any_of(std::begin(kProgramNames), std::end(kProgramNames), is_name)) return true;
    return (name.substr(0, 8) == "Payload/" && name.find(".app/") != std::string_view::npos) ||
           name.find(".dist-info/RECORD") != std::string_view::npos;
}

Format format_of_mimetype(std::string_view type) {
    if (istarts_with(type, "application/vnd.oasis.opendocument.")) return Format::kOdf;
    if (istarts_with(type, "application/vnd.sun.xml.")) return Format::kOdf;
    if (iequals(type, "application/epub+zip")) return Format::kEpub;
    return Format::kUnknown;
}

// Names that tell a format; ODF and EPUB files written carelessly have their mimetype elsewhere or deflated.
struct Markers {
    bool program = false;
    bool content_types = false;
    bool odf_manifest = false;
    bool odf_content = false;
    bool epub_container = false;

    void see(std::string_view name) {
        program = program || is_program_name(name);
        content_types = content_types || iequals(name, "[Content_Types].xml");
        odf_manifest = odf_manifest || name == "META-INF/manifest.xml";
        odf_content = odf_content || name == "content.xml";
        epub_container = epub_container || name == "META-INF/container.xml";
    }
};

}  // namespace

std::string_view zip_mimetype(ByteView input) {
    if (input.size() < kZipLocalSize + kMimetypeName.size() || !starts_with(input, kZipLocalSignature)) {
        return {};
    }
    const std::uint8_t* local = input.data();
    const std::size_t data_at = kZipLocalSize + kMimetypeName.size() + read_le16(local + 28);
    const std::size_t size = read_le32(local + 18);
    const bool plain = (read_le16(local + 6) & 1u) == 0 && read_le16(local + 8) == kZipStored &&
                       read_le16(local + 26) == kMimetypeName.size();
    if (!plain || size == 0 || size > kMimetypeMax || data_at + size > input.size()) return {};
    if (as_text(input.subspan(kZipLocalSize, kMimetypeName.size())) != kMimetypeName) return {};
    return trim(as_text(input.subspan(data_at, size)));
}

Format sniff_zip(ByteView input, const TypeHint& hint) {
    const Format by_mimetype = format_of_mimetype(zip_mimetype(input));
    if (by_mimetype != Format::kUnknown) return by_mimetype;
    Markers markers;
    visit_zip_names(input, [&](std::string_view name) {
        markers.see(name);
        return !markers.program;
    });
    if (markers.program) return Format::kJar;
    if (markers.content_types) return Format::kOoxml;
    if (markers.odf_manifest && markers.odf_content) return Format::kOdf;
    if (markers.epub_container) return Format::kEpub;
    return hinted_program(hint) ? Format::kJar : Format::kZip;
}

}  // namespace optimilter
