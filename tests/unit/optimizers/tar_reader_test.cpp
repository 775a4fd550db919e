// SPDX-License-Identifier: Apache-2.0
//
// read_tar() and what it refuses, and the numbers of headers.
#include "optimizers/tar_reader.hpp"

#include "check.hpp"
#include "optimizers/tar_writer.hpp"
#include "tar_builder.hpp"

using namespace optimilter;
using namespace optimilter::tar_builder;

namespace {

struct Refusal {
    const char* name;
    Bytes (*build)();
    ErrorCode code;
};

const Refusal kRefusals[] = {
    {"empty", [] { return Bytes(); }, ErrorCode::kMalformed},
    {"no end", [] { return bytes_of(record({.name = "a", .content = "x"})); }, ErrorCode::kMalformed},
    {"one block at the end", [] { return bytes_of(record({.name = "a"}) + std::string(512, '\0')); },
     ErrorCode::kMalformed},
    {"odd end", [] { return bytes_of(record({.name = "a"}) + std::string(1023, '\0')); },
     ErrorCode::kMalformed},
    {"bytes after the end", [] { return bytes_of(tar_text({{.name = "a"}}) + "x"); },
     ErrorCode::kUnsupported},
    {"member after the end", [] { return bytes_of(tar_text({{.name = "a"}}) + tar_text({{.name = "b"}})); },
     ErrorCode::kUnsupported},
    {"checksum", [] { return tar({{.name = "a", .checksum_off = 1}}); }, ErrorCode::kMalformed},
    {"no magic", [] { return tar({{.name = "a", .magic = "xstar"}}); }, ErrorCode::kUnsupported},
    {"size is no number", [] { return tar({{.name = "a", .size = "0000000x001"}}); }, ErrorCode::kMalformed},
    {"size is empty", [] { return tar({{.name = "a", .size = "            "}}); }, ErrorCode::kMalformed},
    {"size beyond the end", [] { return tar({{.name = "a", .content = "x", .size = "77777777777"}}); },
     ErrorCode::kMalformed},
    {"huge size in base 256",
     [] { return tar({{.name = "a", .size = std::string("\x80\xFF", 2) + std::string(10, 'x')}}); },
     ErrorCode::kMalformed},
    {"cut in a member",
     [] { return bytes_of(tar_text({{.name = "a", .content = std::string(2000, 'x')}}).substr(0, 1024)); },
     ErrorCode::kMalformed},
    {"GNU sparse", [] { return tar({{.name = "a", .type = 'S'}}); }, ErrorCode::kUnsupported},
    {"continued volume", [] { return tar({{.name = "a", .type = 'M'}}); }, ErrorCode::kUnsupported},
    {"volume label", [] { return tar({{.name = "a", .type = 'V'}}); }, ErrorCode::kUnsupported},
    {"folder with content", [] { return tar({{.name = "a", .content = "x", .type = '5'}}); },
     ErrorCode::kUnsupported},
    {"pax sparse",
     [] {
         return tar(
             {{.name = "p", .content = pax_record("GNU.sparse.major", "1"), .type = 'x'}, {.name = "a"}});
     },
     ErrorCode::kUnsupported},
    {"global size",
     [] {
         return tar(
             {{.name = "g", .content = pax_record("size", "1"), .type = 'g'}, {.name = "a", .content = "x"}});
     },
     ErrorCode::kUnsupported},
    {"pax record too long",
     [] {
         return tar({{.name = "p", .content = "99 path=a\n", .type = 'x'}, {.name = "a"}});
     },
     ErrorCode::kMalformed},
    {"pax record without a number",
     [] {
         return tar({{.name = "p", .content = "path=a\n", .type = 'x'}, {.name = "a"}});
     },
     ErrorCode::kMalformed},
    {"pax record without end of line",
     [] {
         return tar({{.name = "p", .content = "9 path=ab", .type = 'x'}, {.name = "a"}});
     },
     ErrorCode::kMalformed},
    {"pax size is no number",
     [] {
         return tar({{.name = "p", .content = pax_record("size", "1x"), .type = 'x'}, {.name = "a"}});
     },
     ErrorCode::kMalformed},
    {"extension without a member",
     [] { return tar({{.name = "p", .content = pax_record("path", "b"), .type = 'x'}}); },
     ErrorCode::kMalformed},
    {"too many entries", [] { return tar(std::vector<Member>(11, Member{.name = "a"})); }, ErrorCode::kLimit},
};

void odd_archives_are_refused() {
    for (const Refusal& row : kRefusals) {
        const auto archive = read_tar(row.build(), 10);
        CHECK(!archive, row.name);
        CHECK_EQ(archive.error().code, row.code, row.name);
        CHECK(!archive.error().text.empty(), row.name);
    }
}

void every_length_is_bounded() {
    const Bytes whole = tar({{.name = "p", .content = pax_record("path", "long name"), .type = 'x'},
                             {.name = "a", .content = "content"}},
                            512);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CHECK(!read_tar(ByteView(whole).first(size), 10), "cut at " + std::to_string(size));
    }
    CHECK(read_tar(whole, 10).has_value());
}

void members_are_found() {
    const Bytes file = tar({
        {.name = "folder/", .type = '5'},
        {.name = "folder/a", .content = "aaa"},
        {.name = "p", .content = pax_record("path", "b\xC3\xBC") + pax_record("size", "3"), .type = 'x'},
        {.name = "short", .content = "bbb"},
        {.name = "././@LongLink", .content = std::string("long/name\0", 10), .type = 'L'},
        {.name = "cut", .content = "cc", .magic = "ustar  "},
        {.name = "link", .type = '2', .link = "folder/a"},
        {.name = "big", .content = "dddd", .size = std::string("\x80\0\0\0\0\0\0\0\0\0\0\4", 12)},
    });
    const auto archive = read_tar(file, 10);
    CHECK(archive.has_value());
    const std::vector<std::string> names = {"folder/", "folder/a", "b\xC3\xBC", "long/name", "link", "big"};
    const std::vector<bool> plain = {false, true, false, true, false, false};
    CHECK_EQ(archive->entries.size(), names.size());
    std::size_t at = 0;
    for (std::size_t i = 0; i < names.size(); ++i) {
        CHECK_EQ(archive->entries[i].name, names[i]);
        CHECK_EQ(archive->entries[i].plain_file, plain[i], names[i]);
        CHECK_EQ(archive->entries[i].record_begin, at, names[i]);
        at = archive->entries[i].record_end;
    }
    CHECK_EQ(as_text(slice(file, archive->entries[3].data)), "cc");
    CHECK_EQ(archive->trailer.begin, at);
}

struct OctalRow {
    const char* before;
    std::uint64_t value;
    const char* after;  // nullptr: refused
};

void numbers_keep_their_manner() {
    constexpr OctalRow kRows[] = {
        {"00000001750 ", 8, "00000000010 "},
        {"      1750 x", 8, nullptr},
        {"       1750 ", 8, "         10 "},
        {"007 ", 0, "000 "},
        {"777 ", 512, nullptr},
        {"   7", 512, "1000"},
        {"    ", 1, nullptr},
        {"", 1, nullptr},
    };
    for (const OctalRow& row : kRows) {
        Bytes field = bytes_of(row.before);
        const bool written = write_tar_octal(field, row.value);
        CHECK_EQ(written, row.after != nullptr, row.before);
        CHECK_EQ(as_text(field), std::string_view(row.after != nullptr ? row.after : row.before), row.before);
    }
}

void nothing_replaced_is_the_same_archive() {
    for (const std::size_t unit : {512u, 10240u}) {
        const Bytes file =
            tar({{.name = "a", .content = "x", .padding = 'p'}, {.name = "b/", .type = '5'}}, unit);
        const auto archive = read_tar(file, 10);
        CHECK(*write_tar(file, *archive, {}) == file);
    }
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(odd_archives_are_refused), TEST(every_length_is_bounded),
                                TEST(members_are_found), TEST(numbers_keep_their_manner),
                                TEST(nothing_replaced_is_the_same_archive)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
