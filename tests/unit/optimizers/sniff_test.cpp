// SPDX-License-Identifier: Apache-2.0
#include "check.hpp"
#include "optimizers/format.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;
using namespace std::literals;

namespace {

struct Row {
    const char* name;
    std::string bytes;
    Format want;
    TypeHint hint = {};
};

std::string png(std::string_view chunks) {
    return std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16) + std::string(13 + 4, 'x') + std::string(chunks);
}

std::string bmp(std::uint32_t header, std::uint16_t planes, std::uint32_t pixels_at) {
    std::string file = "BM";
    put32(file, 100);
    put32(file, 0);
    put32(file, pixels_at);
    put32(file, header);
    if (header == 12) {
        put16(file, 8);
        put16(file, 8);
    } else {
        put32(file, 8);
        put32(file, 8);
    }
    put16(file, planes);
    file.resize(100);
    return file;
}

std::string tar() {
    std::string file(512, '\0');
    file.replace(257, 5, "ustar");
    return file;
}

std::string text_of(const Bytes& bytes) {
    return std::string(as_text(bytes));
}

std::string zip_of(std::initializer_list<const char*> names) {
    std::vector<Item> items;
    for (const char* name : names) items.push_back({.name = name, .content = "x"});
    return text_of(build(std::move(items)));
}

std::string with_mimetype(std::string content, std::uint16_t method = 0, std::uint16_t flags = 0) {
    return text_of(
        build({{.name = "mimetype", .content = std::move(content), .method = method, .flags = flags},
               {.name = "a.xml", .content = "x"}}));
}

void plain_formats() {
    const Row rows[] = {
        {"empty", "", Format::kUnknown},
        {"one byte", "P", Format::kUnknown},
        {"text", "Hello, world", Format::kUnknown},
        {"jpeg", "\xFF\xD8\xFF\xE0", Format::kJpeg},
        {"jpeg cut short", "\xFF\xD8", Format::kUnknown},
        {"png", png("\0\0\0\4IDAT"sv), Format::kPng},
        {"png without IDAT", png(""), Format::kPng},
        {"apng", png("\0\0\0\10acTL12345678....\0\0\0\4IDAT"sv), Format::kApng},
        {"acTL after IDAT", png("\0\0\0\4IDAT1234....\0\0\0\10acTL"sv), Format::kPng},
        {"acTL behind a large chunk",
         png("\0\1\x86\xA0iCCP"sv) + std::string(100'004, 'c') + "\0\0\0\10acTL"s, Format::kApng},
        {"chunk longer than the file", png("\xFF\xFF\xFF\xFFtEXt"sv), Format::kPng},
        {"gif", "GIF89a", Format::kGif},
        {"gif 87", "GIF87a", Format::kGif},
        {"webp", "RIFF\x10\0\0\0WEBPVP8 "s, Format::kWebp},
        {"wav", "RIFF\x10\0\0\0WAVEfmt "s, Format::kUnknown},
        {"heic", "\0\0\0\x18"s + "ftypheic\0\0\0\0mif1heic"s, Format::kHeif},
        {"avif by a compatible brand", "\0\0\0\x18"s + "ftypisom\0\0\0\0isomavif"s, Format::kHeif},
        {"film", "\0\0\0\x18"s + "ftypisom\0\0\0\0isommp42"s, Format::kUnknown},
        {"brand after the box", "\0\0\0\x10"s + "ftypisom\0\0\0\0heic"s, Format::kUnknown},
        {"tiff", "II*\0\10\0\0\0"s, Format::kTiff},
        {"tiff, big endian", "MM\0*\0\0\0\10"s, Format::kTiff},
        {"bigtiff", "II+\0\10\0\0\0"s, Format::kTiff},
        {"bmp", bmp(40, 1, 54), Format::kBmp},
        {"bmp of OS/2", bmp(12, 1, 26), Format::kBmp},
        {"bmp v5", bmp(124, 1, 138), Format::kBmp},
        {"BM of a text", "BM is how this text begins, it goes on for long", Format::kUnknown},
        {"bmp without planes", bmp(40, 0, 54), Format::kUnknown},
        {"bmp with an impossible header", bmp(41, 1, 55), Format::kUnknown},
        {"bmp with pixels in the header", bmp(40, 1, 20), Format::kUnknown},
        {"bmp cut short", bmp(40, 1, 54).substr(0, 28), Format::kUnknown},
        {"pdf", "%PDF-1.7", Format::kPdf},
        {"pdf after junk", std::string(1000, ' ') + "%PDF-1.4", Format::kPdf},
        {"pdf too late", std::string(1030, ' ') + "%PDF-1.4", Format::kUnknown},
        {"ole", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Format::kOle},
        {"gzip", "\x1F\x8B\x08", Format::kGzip},
        {"gzip, unknown method", "\x1F\x8B\x07", Format::kUnknown},
        {"bzip2", "BZh91AY&SY", Format::kBzip2},
        {"bzip2 of nothing", "BZh9\x17\x72\x45\x38\x50\x90", Format::kBzip2},
        {"BZh of a text", "BZh is no level", Format::kUnknown},
        {"xz", "\xFD\x37zXZ\0"s, Format::kXz},
        {"zstd", "\x28\xB5\x2F\xFD", Format::kZstd},
        {"7z", "7z\xBC\xAF\x27\x1C", Format::kSevenZip},
        {"rar", "Rar!\x1A\x07\x00"s, Format::kRar},
        {"rar 5", "Rar!\x1A\x07\x01\x00"s, Format::kRar},
        {"tar", tar(), Format::kTar},
        {"spanned zip", "PK00PK\3\4", Format::kUnknown},
        {"split zip", "PK\7\10PK\3\4", Format::kUnknown},
    };
    for (const Row& row : rows) {
        CHECK_EQ(format_name(sniff(as_bytes(row.bytes), row.hint)), format_name(row.want), row.name);
    }
}

void zip_family() {
    const std::string plain = zip_of({"a.txt", "b.txt"});
    const Row rows[] = {
        {"zip", plain, Format::kZip},
        {"empty zip", text_of(build(Archive{})), Format::kZip},
        {"zip cut short", plain.substr(0, plain.size() / 2), Format::kZip},
        {"local header only", "PK\3\4", Format::kZip},
        {"ooxml", zip_of({"[Content_Types].xml", "_rels/.rels", "word/document.xml"}), Format::kOoxml},
        {"ooxml, late content types", zip_of({"a", "b", "[content_types].xml"}), Format::kOoxml},
        {"odt", with_mimetype("application/vnd.oasis.opendocument.text"), Format::kOdf},
        {"sxw", with_mimetype("application/vnd.sun.xml.writer"), Format::kOdf},
        {"odt without mimetype", zip_of({"content.xml", "META-INF/manifest.xml"}), Format::kOdf},
        {"epub", with_mimetype("application/epub+zip"), Format::kEpub},
        {"epub with a line end", with_mimetype("application/epub+zip\r\n"), Format::kEpub},
        {"epub, deflated mimetype", zip_of({"mimetype", "META-INF/container.xml"}), Format::kEpub},
        {"unknown mimetype", with_mimetype("application/x-krita"), Format::kZip},
        {"deflated mimetype", with_mimetype("application/epub+zip", 8), Format::kZip},
        {"encrypted mimetype", with_mimetype("application/epub+zip", 0, 1), Format::kZip},
        {"mimetype of another file",
         text_of(build({{.name = "mimetypes", .content = "application/epub+zip", .method = 0}})),
         Format::kZip},
        {"asic", with_mimetype("application/vnd.etsi.asic-e+zip"), Format::kZip},
        {"jar", zip_of({"META-INF/MANIFEST.MF", "A.class"}), Format::kJar},
        {"apk", zip_of({"AndroidManifest.xml", "classes.dex"}), Format::kJar},
        {"xpi", zip_of({"META-INF/mozilla.rsa", "manifest.json"}), Format::kJar},
        {"ipa", zip_of({"Payload/Some.app/Info.plist"}), Format::kJar},
        {"wheel", zip_of({"a.py", "a-1.dist-info/RECORD"}), Format::kJar},
        {"appx", zip_of({"AppxManifest.xml", "[Content_Types].xml"}), Format::kJar},
        {"jar by name", plain, Format::kJar, {"", "Tool.JAR"}},
        {"jar by type", plain, Format::kJar, {"application/java-archive", ""}},
        {"document with a jar's name", zip_of({"[Content_Types].xml"}), Format::kOoxml, {"", "a.jar"}},
        {"docx by name only", plain, Format::kZip, {"", "letter.docx"}},
        {"jpeg by name only", plain, Format::kZip, {"image/jpeg", "a.jpg"}},
    };
    for (const Row& row : rows) {
        CHECK_EQ(format_name(sniff(as_bytes(row.bytes), row.hint)), format_name(row.want), row.name);
    }
}

// Every prefix of every kind of head, and every byte of a ZIP changed: no read out of bounds (seen by ASan).
void stays_in_bounds() {
    const std::string archive = with_mimetype("application/epub+zip");
    const std::string film = "\0\0\0\x18"s + "ftypisom\0\0\0\0isomavif"s;
    for (const std::string& file : {archive, film, bmp(40, 1, 54), png("\0\0\0\10acTL"sv), tar()}) {
        for (std::size_t size = 0; size <= file.size(); ++size) {
            // A buffer of its own size, so that one byte too many is seen.
            const std::vector<std::uint8_t> head(file.begin(),
                                                 file.begin() + static_cast<std::ptrdiff_t>(size));
            (void)sniff(head);
        }
    }
    for (std::size_t i = 0; i < archive.size(); ++i) {
        std::string bad = archive;
        bad[i] = static_cast<char>(0xFF);
        (void)sniff(as_bytes(bad));
    }
}

std::string sized(std::string head, std::size_t size) {
    head.resize(size);
    return head;
}

void rare_rasters() {
    const std::string tga = "\0\0\x02"s + std::string(9, '\0') + "\x08\0\x08\0\x18\0"s;
    const std::string footer = std::string(26, '\0') + "TRUEVISION-XFILE.\0"s;
    const TypeHint named{"application/octet-stream", "Texture.TGA"};
    const Row rows[] = {
        {"ppm", "P6\n3 3\n255\n", Format::kPnm},
        {"pgm with a comment", "P5 # made by\n", Format::kPnm},
        {"text", "P6 is a number", Format::kUnknown},
        {"P7", "P7\n3 3\n255\n", Format::kUnknown},
        {"sgi", sized("\x01\xDA\0\x01\0\x02"s, 512), Format::kSgi},
        {"sgi cut", sized("\x01\xDA\0\x01\0\x02"s, 511), Format::kUnknown},
        {"sgi of four dimensions", sized("\x01\xDA\0\x01\0\x04"s, 512), Format::kUnknown},
        {"pcx", sized(sized("\x0A\x05\x01\x08"s, 65) + "\x03"s, 128), Format::kPcx},
        {"lines", std::string(128, '\n'), Format::kUnknown},
        {"psd", "8BPS\0\1\0\0\0"s, Format::kPsd},
        {"sun", "\x59\xA6\x6A\x95"s, Format::kSunRaster},
        {"tga by footer", tga + footer, Format::kTga},
        {"tga by name", tga, Format::kTga, named},
        {"tga by type", tga, Format::kTga, {"image/x-tga", ""}},
        {"tga without name", tga, Format::kUnknown},
        {"name alone", std::string(40, 'x'), Format::kUnknown, named},
        {"jpeg named tga", "\xFF\xD8\xFF\xE0", Format::kJpeg, named},
    };
    for (const Row& row : rows) {
        CHECK_EQ(format_name(sniff(as_bytes(row.bytes), row.hint)), format_name(row.want), row.name);
        for (std::size_t size = 0; size < row.bytes.size(); ++size) {
            const std::vector<std::uint8_t> head(row.bytes.begin(),
                                                 row.bytes.begin() + static_cast<std::ptrdiff_t>(size));
            (void)sniff(head, named);
        }
    }
}

void names_of_formats() {
    CHECK_EQ(format_name(Format::kOoxml), "ooxml");
    CHECK_EQ(format_name(Format::kTar), "tar");
    CHECK_EQ(format_name(static_cast<Format>(200)), "unknown");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(plain_formats), TEST(zip_family),       TEST(stays_in_bounds),
        TEST(rare_rasters),  TEST(names_of_formats),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
