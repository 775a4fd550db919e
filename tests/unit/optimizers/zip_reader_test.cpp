// SPDX-License-Identifier: Apache-2.0
#include "optimizers/zip_reader.hpp"

#include "check.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;

namespace {

constexpr std::uint32_t kEntriesMax = 100;

// A plain archive of two entries, for a case to bend.
Archive two() {
    Archive archive;
    archive.items = {{.name = "a.txt", .content = prose(300)},
                     {.name = "dir/b.txt", .content = prose(200, 7)}};
    return archive;
}

// Two entries, the second bent.
template <typename Bend>
Archive bent(Bend bend) {
    Archive archive = two();
    bend(archive.items[1]);
    return archive;
}

struct Refusal {
    const char* name;
    Archive (*make)();
    ErrorCode want;
    const char* reason;
};

constexpr Refusal kRefusals[] = {
    {"encrypted", [] { return bent([](Item& i) { i.flags = 1; }); }, ErrorCode::kUnsupported, "encrypted"},
    {"strong encryption", [] { return bent([](Item& i) { i.flags = 0x41; }); }, ErrorCode::kUnsupported,
     "encrypted"},
    {"strong bit alone", [] { return bent([](Item& i) { i.flags = 0x40; }); }, ErrorCode::kUnsupported,
     "encrypted"},
    {"masked headers", [] { return bent([](Item& i) { i.flags = 0x2000; }); }, ErrorCode::kUnsupported,
     "encrypted"},
    {"patched data", [] { return bent([](Item& i) { i.flags = 0x20; }); }, ErrorCode::kUnsupported,
     "patched"},
    {"version that nobody knows", [] { return bent([](Item& i) { i.version = 64; }); },
     ErrorCode::kUnsupported, "version"},
    {"version that nobody knows, local only", [] { return bent([](Item& i) { i.local_version = 255; }); },
     ErrorCode::kUnsupported, "version"},
    {"AES method", [] { return bent([](Item& i) { i.method = 99; }); }, ErrorCode::kUnsupported, "encrypted"},
    {"AES extra", [] { return bent([](Item& i) { i.central_extra = extra(0x9901, "\2\0AE\3\10\0"); }); },
     ErrorCode::kUnsupported, "encrypted"},
    {"AES extra, local only", [] { return bent([](Item& i) { i.local_extra = extra(0x9901, "AE"); }); },
     ErrorCode::kUnsupported, "encrypted"},
    {"zip64 extra, central", [] { return bent([](Item& i) { i.central_extra = extra(1, "12345678"); }); },
     ErrorCode::kUnsupported, "zip64"},
    {"zip64 extra, local", [] { return bent([](Item& i) { i.local_extra = extra(1, "12345678"); }); },
     ErrorCode::kUnsupported, "zip64"},
    {"zip64 zeros, central",
     [] { return bent([](Item& i) { i.central_extra = extra(1, std::string(16, '\0')); }); },
     ErrorCode::kUnsupported, "zip64"},
    {"zip64 zeros before a descriptor",
     [] {
         return bent([](Item& i) {
             i.local_extra = extra(1, std::string(16, '\0'));
             i.descriptor = Descriptor::kSigned;
         });
     },
     ErrorCode::kUnsupported, "zip64"},
    {"zip64 size", [] { return bent([](Item& i) { i.size = 0xFFFFFFFFu; }); }, ErrorCode::kUnsupported,
     "zip64"},
    {"zip64 locator",
     [] {
         Archive archive = two();
         archive.before_end = std::string("PK\6\7", 4) + std::string(16, '\0');
         return archive;
     },
     ErrorCode::kUnsupported, "zip64"},
    {"zip64 count",
     [] {
         Archive archive = two();
         archive.count = std::uint16_t{0xFFFF};
         return archive;
     },
     ErrorCode::kUnsupported, "zip64"},
    {"volumes",
     [] {
         Archive archive = two();
         archive.disk = 1;
         return archive;
     },
     ErrorCode::kUnsupported, "volumes"},
    {"entry on another volume", [] { return bent([](Item& i) { i.disk = 1; }); }, ErrorCode::kUnsupported,
     "volumes"},
    {"prefix, offsets do not",
     [] {
         Archive archive = two();
         archive.prefix = "MZ self-extracting";
         return archive;
     },
     ErrorCode::kUnsupported, "before"},
    {"prefix, offsets count it in",
     [] {
         Archive archive = two();
         archive.prefix = "#!/bin/sh\n";
         archive.shift = true;
         return archive;
     },
     ErrorCode::kUnsupported, "before"},
    {"empty with prefix",
     [] {
         Archive archive;
         archive.prefix = "abc";
         return archive;
     },
     ErrorCode::kUnsupported, "before"},
    {"gap between entries", [] { return bent([](Item& i) { i.before = "gap"; }); }, ErrorCode::kUnsupported,
     "unknown bytes"},
    {"bytes before the end record",
     [] {
         Archive archive = two();
         archive.before_end = "abcd";
         return archive;
     },
     ErrorCode::kMalformed, "central directory"},
    {"bytes after the end record",
     [] {
         Archive archive = two();
         archive.after = "x";
         return archive;
     },
     ErrorCode::kUnsupported, "data after the end of the archive"},
    {"line end after the comment",
     [] {
         Archive archive = two();
         archive.comment = "a comment";
         archive.after = "\r\n";
         return archive;
     },
     ErrorCode::kUnsupported, "data after the end of the archive"},
    {"bytes after an end record that does not fit",
     [] {
         Archive archive = two();
         archive.before_end = "abcd";
         archive.after = "x";
         return archive;
     },
     ErrorCode::kMalformed, "comment"},
    {"end record in the comment",
     [] {
         Archive archive = two();
         archive.comment = std::string("PK\5\6", 4) + std::string(18, '\0');
         return archive;
     },
     ErrorCode::kMalformed, "two end records"},
    {"end signature in the comment",
     [] {
         Archive archive = two();
         archive.comment = std::string("about PK\5\6 and what follows it, long enough", 43);
         return archive;
     },
     ErrorCode::kMalformed, "comment"},
    {"count too low",
     [] {
         Archive archive = two();
         archive.count = std::uint16_t{1};
         return archive;
     },
     ErrorCode::kMalformed, "after the last"},
    {"count too high",
     [] {
         Archive archive = two();
         archive.count = std::uint16_t{3};
         return archive;
     },
     ErrorCode::kMalformed, "broken central"},
    {"overlap: both entries at 0", [] { return bent([](Item& i) { i.offset = 0; }); }, ErrorCode::kMalformed,
     "broken local"},
    {"places exchanged",
     [] {
         Archive archive = two();
         archive.items[0].offset = 60;
         archive.items[1].offset = 0;
         return archive;
     },
     ErrorCode::kMalformed, "overlap"},
    {"sorted directory, prefix",
     [] {
         Archive archive = two();
         archive.prefix = "#!/bin/sh\n";
         archive.shift = true;
         archive.listed = {1, 0};
         return archive;
     },
     ErrorCode::kUnsupported, "before"},
    {"sorted directory, gap",
     [] {
         Archive archive = bent([](Item& i) { i.before = "gap"; });
         archive.listed = {1, 0};
         return archive;
     },
     ErrorCode::kUnsupported, "unknown bytes"},
    {"sorted directory, one record twice",
     [] {
         Archive archive = two();
         archive.listed = {1, 1};
         return archive;
     },
     ErrorCode::kUnsupported, "before"},
    {"duplicate names", [] { return bent([](Item& i) { i.name = "a.txt"; }); }, ErrorCode::kMalformed,
     "two entries"},
    {"names differ", [] { return bent([](Item& i) { i.local_name = "dir/c.txt"; }); }, ErrorCode::kMalformed,
     "names"},
    {"names differ in length", [] { return bent([](Item& i) { i.local_name = "dir/b.tx"; }); },
     ErrorCode::kMalformed, ""},
    {"flags differ", [] { return bent([](Item& i) { i.local_flags = std::uint16_t{0x800}; }); },
     ErrorCode::kMalformed, "flags"},
    {"local header says encrypted", [] { return bent([](Item& i) { i.local_flags = std::uint16_t{1}; }); },
     ErrorCode::kMalformed, "flags"},
    {"methods differ", [] { return bent([](Item& i) { i.local_method = std::uint16_t{0}; }); },
     ErrorCode::kMalformed, "methods"},
    {"sizes differ", [] { return bent([](Item& i) { i.local_size = 201u; }); }, ErrorCode::kMalformed,
     "sizes"},
    {"stored with two sizes",
     [] {
         return bent([](Item& i) {
             i.method = 0;
             i.size = 100u;
         });
     },
     ErrorCode::kMalformed, "stored"},
    {"no name", [] { return bent([](Item& i) { i.name = ""; }); }, ErrorCode::kMalformed, "without a name"},
    {"NUL in a name", [] { return bent([](Item& i) { i.name = std::string("b\0c", 3); }); },
     ErrorCode::kMalformed, "NUL"},
    {"backslash", [] { return bent([](Item& i) { i.name = "dir\\b"; }); }, ErrorCode::kMalformed,
     "backslash"},
    {"absolute", [] { return bent([](Item& i) { i.name = "/etc/passwd"; }); }, ErrorCode::kMalformed,
     "absolute"},
    {"drive", [] { return bent([](Item& i) { i.name = "C:/x"; }); }, ErrorCode::kMalformed, "absolute"},
    {"way out", [] { return bent([](Item& i) { i.name = "a/../../x"; }); }, ErrorCode::kMalformed,
     "leads out"},
    {"way out at the end", [] { return bent([](Item& i) { i.name = "a/.."; }); }, ErrorCode::kMalformed,
     "leads out"},
    {"extra field cut short", [] { return bent([](Item& i) { i.central_extra = "\x55\x54\x05"; }); },
     ErrorCode::kMalformed, "extra"},
    {"extra field too long",
     [] { return bent([](Item& i) { i.local_extra = extra(0x5455, "12345").substr(0, 7); }); },
     ErrorCode::kMalformed, "extra"},
    {"bit 3 without descriptor", [] { return bent([](Item& i) { i.flags = 8; }); }, ErrorCode::kMalformed,
     "descriptor"},
    {"too many entries",
     [] {
         Archive archive;
         for (std::uint32_t i = 0; i <= kEntriesMax; ++i) {
             archive.items.push_back({.name = std::to_string(i), .content = "x", .method = 0});
         }
         return archive;
     },
     ErrorCode::kLimit, "entries"},
};

void refuses() {
    for (const Refusal& row : kRefusals) {
        const auto archive = read_zip(build(row.make()), kEntriesMax);
        CHECK(!archive.has_value(), row.name);
        CHECK_EQ(error_code_name(archive.error().code), error_code_name(row.want), row.name);
        CHECK(archive.error().text.find(row.reason) != std::string::npos, archive.error().text);
    }
}

Archive odd_but_right() {
    Archive archive;
    archive.comment = "an archive comment, as some programs write";
    archive.items = {
        {.name = "mimetype", .content = "application/epub+zip", .method = 0},
        {.name = "folder/", .content = "", .method = 0, .external_attributes = 0x10},
        {.name = "signed descriptor", .content = prose(100), .descriptor = Descriptor::kSigned},
        {.name = "plain descriptor", .content = prose(100), .descriptor = Descriptor::kPlain},
        {.name = "stored descriptor", .content = "x", .method = 0, .descriptor = Descriptor::kSigned},
        {.name = "\xC3\xA9t\xC3\xA9.txt", .content = "e", .flags = 0x800, .comment = "an entry comment"},
        {.name = "times",
         .content = "t",
         .local_extra = extra(0x5455, "\3abcdefgh"),
         .central_extra = extra(0x5455, "\3abcd")},
        // As Numbers and Pages export.
        {.name = "zip64 zeros", .content = "z", .local_extra = extra(1, std::string(16, '\0'))},
        {.name = "bzip2", .content = "b", .method = 12, .raw = "BZh9 whatever"},
        {.name = "implode", .content = "i", .method = 6, .raw = "??"},
        {.name = "link", .content = "times", .method = 0, .external_attributes = 0120777u << 16},
        {.name = "dos folder", .content = "", .method = 0, .external_attributes = 0x10, .host = 0},
        {.name = "...", .content = ""},
        {.name = "a..b/..c", .content = ""},
    };
    return archive;
}

void reads_every_record() {
    const Archive made = odd_but_right();
    const Bytes file = build(made);
    const auto archive = read_zip(file, kEntriesMax);
    CHECK(archive.has_value(), archive ? "" : archive.error().text);
    CHECK_EQ(archive->entries.size(), made.items.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < made.items.size(); ++i) {
        const ZipEntry& entry = archive->entries[i];
        CHECK_EQ(zip_name(file, entry), made.items[i].name);
        CHECK_EQ(as_text(slice(file, entry.data)), packed(made.items[i]), made.items[i].name);
        CHECK_EQ(entry.record.begin, at, made.items[i].name);
        CHECK_EQ(entry.size, made.items[i].content.size(), made.items[i].name);
        const std::string_view name = made.items[i].name;
        CHECK_EQ(entry.plain_file, name != "link" && name != "dos folder" && name.back() != '/', name);
        at = entry.record.end;
    }
    CHECK_EQ(archive->directory.begin, at);
    CHECK_EQ(archive->end.begin, archive->directory.end);
    CHECK_EQ(archive->end.end, file.size());
}

// As WPS Office writes it. Entries come in the order of the file all the same.
void reads_a_directory_of_another_order() {
    Archive made = odd_but_right();
    for (std::size_t i = made.items.size(); i > 0; --i) made.listed.push_back(i - 1);
    const Bytes file = build(made);
    const auto archive = read_zip(file, kEntriesMax);
    CHECK(archive.has_value(), archive ? "" : archive.error().text);
    CHECK(directory_order(*archive) == made.listed);
    for (std::size_t i = 0; i < made.items.size(); ++i) {
        CHECK_EQ(zip_name(file, archive->entries[i]), made.items[i].name);
        CHECK_EQ(as_text(slice(file, archive->entries[i].data)), packed(made.items[i]));
    }
}

void reads_the_empty_archive() {
    const Bytes file = build(Archive{});
    CHECK_EQ(file.size(), kZipEndSize);
    const auto archive = read_zip(file, 0);
    CHECK(archive.has_value());
    CHECK(archive->entries.empty());
}

// What Android puts between the last record and the central directory.
void signing_block() {
    Archive archive = two();
    archive.items.push_back({.name = "c", .content = "c", .method = 0});
    Bytes file = build(archive);
    const auto whole = read_zip(file, kEntriesMax);
    CHECK(whole.has_value());
    // Take the third entry out of the directory; its record stays.
    const ByteRange third = whole->entries[2].central;
    const std::size_t end_at = whole->end.begin - third.size();
    file.erase(file.begin() + static_cast<std::ptrdiff_t>(third.begin),
               file.begin() + static_cast<std::ptrdiff_t>(third.end));
    write_le16(&file[end_at + 8], 2);
    write_le16(&file[end_at + 10], 2);
    write_le32(&file[end_at + 12], static_cast<std::uint32_t>(end_at - whole->directory.begin));
    const auto archive_with_block = read_zip(file, kEntriesMax);
    CHECK(!archive_with_block.has_value());
    CHECK_EQ(error_code_name(archive_with_block.error().code), error_code_name(ErrorCode::kUnsupported));
}

// Descriptors that contradict the directory, with and without signature.
void descriptor_must_agree() {
    for (const Descriptor kind : {Descriptor::kSigned, Descriptor::kPlain}) {
        const Bytes good = build({{.name = "a", .content = prose(100), .descriptor = kind}});
        const auto archive = read_zip(good, kEntriesMax);
        CHECK(archive.has_value());
        for (std::size_t at = archive->entries[0].data.end; at < archive->entries[0].record.end; ++at) {
            Bytes bad = good;
            bad[at] ^= 1;
            CHECK(!read_zip(bad, kEntriesMax).has_value(), std::to_string(at));
        }
    }
}

void truncated_is_refused() {
    const Bytes file = build(odd_but_right());
    for (std::size_t size = 0; size < file.size(); ++size) {
        CHECK(!read_zip(ByteView(file).first(size), kEntriesMax).has_value(), std::to_string(size));
    }
}

// No bit flip may crash; what is still accepted must describe the file without a gap.
void flipped_bits_stay_in_bounds() {
    const Bytes file = build(odd_but_right());
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
        Bytes bad = file;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        const auto archive = read_zip(bad, kEntriesMax);
        if (!archive) continue;
        std::size_t at = 0;
        for (const ZipEntry& entry : archive->entries) {
            CHECK_EQ(entry.record.begin, at);
            CHECK(entry.data.begin <= entry.data.end && entry.data.end <= entry.record.end);
            at = entry.record.end;
        }
        CHECK_EQ(at, archive->directory.begin);
    }
}

void visits_names_of_odd_archives() {
    Archive archive = two();
    archive.prefix = "MZ";
    archive.shift = true;
    std::vector<std::string> names;
    const auto seen = [&](std::string_view name) {
        names.emplace_back(name);
        return true;
    };
    visit_zip_names(build(archive), seen);
    CHECK_EQ(names.size(), std::size_t{2});
    CHECK_EQ(names[1], "dir/b.txt");
    names.clear();
    visit_zip_names(as_bytes("PK\3\4 nothing else"), seen);
    visit_zip_names({}, seen);
    CHECK(names.empty());
}

void refusals_have_outcomes() {
    CHECK_EQ(outcome_name(zip_refusal(ErrorCode::kUnsupported)), "untouchable");
    CHECK_EQ(outcome_name(zip_refusal(ErrorCode::kLimit)), "over_budget");
    CHECK_EQ(outcome_name(zip_refusal(ErrorCode::kMalformed)), "malformed");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {
        TEST(refuses),
        TEST(reads_every_record),
        TEST(reads_a_directory_of_another_order),
        TEST(reads_the_empty_archive),
        TEST(signing_block),
        TEST(descriptor_must_agree),
        TEST(truncated_is_refused),
        TEST(flipped_bits_stay_in_bounds),
        TEST(visits_names_of_odd_archives),
        TEST(refusals_have_outcomes),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
