// SPDX-License-Identifier: Apache-2.0
//
// verify_zip() against results that no honest optimizer would write, and the second reader below it.
#include <algorithm>

#include "check.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/zip_reader.hpp"
#include "optimizers/zip_second_reader.hpp"
#include "zip_builder.hpp"

using namespace optimilter;
using namespace optimilter::zip_builder;

namespace {

const std::string kPicture = "\xFF\xD8\xFF" + noise(600);
const std::string kSmallerPicture = "\xFF\xD8\xFF" + noise(300, 9);

// Deflated poorly (level 1) as input, well (12) as result.
Archive base(int level) {
    Archive archive;
    archive.comment = "comment";
    archive.items = {
        {.name = "mimetype", .content = "application/epub+zip", .method = 0},
        {.name = "a.xml", .content = prose(3000), .level = level, .comment = "about a"},
        {.name = "\xC3\xBC.xml", .content = prose(3000, 2), .level = level, .flags = 0x800},
        {.name = "t", .content = prose(2000, 3), .level = level, .local_extra = extra(0x5455, "\1abcd")},
        {.name = "p.jpg", .content = kPicture, .method = 0},
        {.name = "odd", .content = "x", .method = 6, .raw = "imploded"},
        {.name = "link", .content = "a.xml", .method = 0, .external_attributes = 0120777u << 16},
        {.name = "folder/", .method = 0, .external_attributes = 0x10},
        // Nothing but the size of its descriptor is different.
        {.name = "streamed",
         .content = prose(900, 4),
         .level = level,
         .descriptor = level == 1 ? Descriptor::kSigned : Descriptor::kNone},
    };
    return archive;
}

Attempt honest() {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = build(base(12));
    return attempt;
}

std::string verdict(const Attempt& attempt, const Bytes& input = build(base(1)), Options options = {}) {
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, nullptr};
    return verify_zip(input, attempt, context);
}

void honest_results_pass() {
    CHECK_EQ(verdict(honest()), "");
    Attempt same;
    same.output = build(base(1));
    CHECK_EQ(verdict(same), "");
}

Attempt changed_picture() {
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    Archive archive = base(12);
    archive.items[4].content = kSmallerPicture;
    attempt.output = build(archive);
    attempt.changes = {{4, sha256(as_bytes(kSmallerPicture))}};
    return attempt;
}

void honest_change_passes() {
    CHECK_EQ(verdict(changed_picture()), "");
}

struct Forgery {
    const char* name;
    void (*bend)(Archive&);
    const char* reason;
};

constexpr Forgery kForgeries[] = {
    {"content of a member", [](Archive& a) { a.items[1].content[1500] ^= 1; }, "content differs"},
    {"content of a UTF-8 named one", [](Archive& a) { a.items[2].content[0] ^= 1; }, "content differs"},
    {"content cut", [](Archive& a) { a.items[1].content.pop_back(); }, "content ends early"},
    {"content longer", [](Archive& a) { a.items[1].content += "x"; }, "content differs"},
    {"content emptied", [](Archive& a) { a.items[1].content.clear(); }, "content ends early"},
    {"picture, not claimed", [](Archive& a) { a.items[4].content = kSmallerPicture; }, "content"},
    {"name", [](Archive& a) { a.items[1].name = "b.xml"; }, "header"},
    {"name longer", [](Archive& a) { a.items[1].name = "aa.xml"; }, "header"},
    {"entry comment", [](Archive& a) { a.items[1].comment = "about b"; }, "header"},
    {"entry comment dropped", [](Archive& a) { a.items[1].comment = ""; }, "header"},
    {"attributes", [](Archive& a) { a.items[1].external_attributes = 1; }, "header"},
    {"attributes of an untouched one", [](Archive& a) { a.items[4].external_attributes = 1; }, "directory"},
    {"host", [](Archive& a) { a.items[1].host = 0; }, "header"},
    {"UTF-8 flag dropped", [](Archive& a) { a.items[2].flags = 0; }, "header"},
    {"extra field dropped", [](Archive& a) { a.items[3].local_extra = ""; }, "header"},
    {"extra field changed", [](Archive& a) { a.items[3].local_extra[5] ^= 1; }, "header"},
    {"extra field added", [](Archive& a) { a.items[1].central_extra = extra(0x5455, "\1abcd"); }, "header"},
    {"descriptor added", [](Archive& a) { a.items[1].descriptor = Descriptor::kSigned; }, "header"},
    {"method", [](Archive& a) { a.items[1].method = 12; }, "method"},
    {"mimetype rewritten", [](Archive& a) { a.items[0].method = 8; }, "mimetype"},
    {"mimetype changed", [](Archive& a) { a.items[0].content = "application/epub+zap"; }, "mimetype"},
    {"odd method rewritten", [](Archive& a) { a.items[5].raw = "imploded!"; }, "cannot be compared"},
    {"symbolic link rewritten", [](Archive& a) { a.items[6].content = "b.xml"; }, "cannot be compared"},
    {"entry dropped", [](Archive& a) { a.items.pop_back(); }, "number of entries"},
    {"entry added", [](Archive& a) { a.items.push_back({.name = "new"}); }, "number of entries"},
    {"order", [](Archive& a) { std::swap(a.items[1], a.items[2]); }, "header"},
    {"order of the directory", [](Archive& a) { a.listed = {8, 7, 6, 5, 4, 3, 2, 1, 0}; }, "order"},
    {"archive comment", [](Archive& a) { a.comment = "Comment"; }, "end record"},
    {"archive comment dropped", [](Archive& a) { a.comment = ""; }, "end record"},
    {"prefix", [](Archive& a) { a.prefix = "x"; }, "result:"},
    {"trailer", [](Archive& a) { a.after = "x"; }, "result:"},
    {"gap", [](Archive& a) { a.items[2].before = "x"; }, "result:"},
    {"encrypted", [](Archive& a) { a.items[1].flags = 1; }, "result:"},
    {"checksum", [](Archive& a) { a.items[1].crc = 1; }, "second reader"},
    {"size", [](Archive& a) { a.items[1].size = 2999; }, ""},
    {"broken stream", [](Archive& a) { a.items[1].raw = "\xFF\xFF\xFF"; }, "second reader"},
};

void forgeries_are_seen() {
    for (const Forgery& row : kForgeries) {
        Archive archive = base(12);
        row.bend(archive);
        Attempt attempt;
        attempt.output = build(archive);
        const std::string why = verdict(attempt);
        CHECK(!why.empty(), row.name);
        CHECK(why.find(row.reason) != std::string::npos, std::string(row.name) + ": " + why);
    }
}

// A stored member may be deflated, and its needed version raised for that; not anything else.
void stored_may_become_deflated() {
    Archive before = base(12);
    before.items[1].method = 0;
    CHECK_EQ(verdict(honest(), build(before)), "");
    Bytes input = build(before);
    Attempt attempt = honest();
    const auto a = read_zip(input, 100);
    const auto b = read_zip(attempt.output, 100);
    const auto set_version = [](Bytes& file, const ZipEntry& entry, std::uint16_t version) {
        write_le16(&file[entry.record.begin + 4], version);
        write_le16(&file[entry.central.begin + 6], version);
    };
    set_version(input, a->entries[1], 10);
    CHECK_EQ(verdict(attempt, input), "");
    set_version(attempt.output, b->entries[1], 45);
    CHECK(!verdict(attempt, input).empty());
    set_version(attempt.output, b->entries[1], 10);
    CHECK(!verdict(attempt, build(before)).empty());
}

struct Claim {
    const char* name;
    void (*bend)(Attempt&);
    const char* reason;
};

void claims_must_be_true() {
    constexpr Claim kClaims[] = {
        {"none", [](Attempt& a) { a.changes.clear(); }, "content"},
        {"another digest", [](Attempt& a) { a.changes[0].content[0] ^= 1; }, "not what was verified"},
        {"another member", [](Attempt& a) { a.changes[0].index = 3; }, "not what was verified"},
        {"an untouched member",
         [](Attempt& a) {
             a.changes.insert(a.changes.begin(), {0, {}});
         },
         "claimed"},
        {"no such member",
         [](Attempt& a) {
             a.changes.push_back({99, {}});
         },
         "claimed"},
        {"twice", [](Attempt& a) { a.changes.push_back(a.changes[0]); }, "claimed"},
        {"picture of another format",
         [](Attempt& a) {
             Archive archive = base(12);
             archive.items[4].content = "GIF89a";
             a.output = build(archive);
             a.changes = {{4, sha256(as_bytes("GIF89a"))}};
         },
         "format changed"},
        {"larger content",
         [](Attempt& a) {
             Archive archive = base(12);
             archive.items[4].content = kPicture + "more";
             a.output = build(archive);
             a.changes = {{4, sha256(as_bytes(kPicture + "more"))}};
         },
         "too long"},
    };
    for (const Claim& row : kClaims) {
        Attempt attempt = changed_picture();
        row.bend(attempt);
        const std::string why = verdict(attempt);
        CHECK(why.find(row.reason) != std::string::npos && !why.empty(), std::string(row.name) + ": " + why);
    }
}

void no_prefix_of_a_result_passes() {
    const Attempt whole = honest();
    const Bytes input = build(base(1));
    for (std::size_t size = 0; size < whole.output.size(); size += 7) {
        Attempt attempt = whole;
        attempt.output.resize(size);
        CHECK(!verdict(attempt, input).empty(), std::to_string(size));
    }
}

// A flipped bit in a result is seen, wherever it is.
void no_flipped_bit_passes() {
    const Attempt whole = honest();
    const Bytes input = build(base(1));
    const auto archive = read_zip(whole.output, 100);
    for (std::size_t at = 0; at < whole.output.size(); ++at) {
        Attempt attempt = whole;
        attempt.output[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
        const std::string why = verdict(attempt, input);
        if (!why.empty()) continue;
        // A deflate stream has a few bits without meaning (padding at its end); the content was compared.
        const bool in_data = std::any_of(
            archive->entries.begin(), archive->entries.end(),
            [at](const ZipEntry& entry) { return at >= entry.data.begin && at < entry.data.end; });
        CHECK(in_data, std::to_string(at));
    }
}

void no_time_is_a_reason() {
    const Options options;
    Budget budget(Deadline::in_ms(-1), options);
    Context context{options, budget, 0, nullptr};
    CHECK(!verify_zip(build(base(1)), honest(), context).empty());
}

void input_must_be_readable_too() {
    CHECK(!verdict(honest(), Bytes{'P', 'K'}).empty());
}

void second_reader_reads() {
    const Bytes file = build(base(1));
    auto reader = SecondReader::open(file);
    CHECK(reader.has_value());
    auto member = reader->next();
    CHECK(member && *member && (*member)->name == "mimetype" && (*member)->size == 20u);
    CHECK(reader->expect_content(as_bytes("application/epub+zip")).has_value());
    member = reader->next();
    CHECK(member && *member);
    const auto limited = reader->content(100);
    CHECK(!limited && limited.error().code == ErrorCode::kLimit);
    member = reader->next();
    // The C locale has no such letter; the name is missing then, never another one, and the content is there.
    CHECK((*member)->name.empty() || (*member)->name == "\xC3\xBC.xml");
    const auto content = reader->content(3000);
    CHECK_EQ(as_text(*content), prose(3000, 2));
    CHECK(!SecondReader::open(as_bytes("no archive")).has_value() ||
          !SecondReader::open(as_bytes("no archive"))->next().has_value());
}

}  // namespace

int main() {
    warm_up_second_reader();
    const CMUnitTest tests[] = {
        TEST(honest_results_pass),        TEST(honest_change_passes), TEST(forgeries_are_seen),
        TEST(stored_may_become_deflated), TEST(claims_must_be_true),  TEST(no_prefix_of_a_result_passes),
        TEST(no_flipped_bit_passes),      TEST(no_time_is_a_reason),  TEST(input_must_be_readable_too),
        TEST(second_reader_reads),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
