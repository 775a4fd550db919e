// SPDX-License-Identifier: Apache-2.0
//
// Members of tar archives become smaller and nothing else changes; verify_tar() against results that no
// honest optimizer would write.
#include "check.hpp"
#include "optimizers/archive_seals.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/tar_reader.hpp"
#include "tar_builder.hpp"

using namespace optimilter;
using namespace optimilter::tar_builder;

namespace {

std::vector<Member> members() {
    return {
        {.name = "folder/", .type = '5', .mode = "0000755"},
        {.name = "folder/a.zip", .content = poor_zip(), .mode = "0000600"},
        {.name = "p",
         .content = pax_record("path", "b.zip") + pax_record("mtime", "1700000000.5"),
         .type = 'x'},
        {.name = "b.zip", .content = poor_zip(30'000, 2), .padding = 'p'},
        {.name = "note.txt", .content = zip_builder::prose(700), .padding = 'p'},
        {.name = "link", .type = '2', .link = "note.txt"},
    };
}

OptimizeResult run(const Bytes& input, Options options = {}) {
    Budget budget(Deadline(), options);
    return optimize(input, {}, options, budget);
}

void members_become_smaller() {
    const Bytes input = tar(members(), 512);
    const OptimizeResult result = run(input);
    CHECK_EQ(result.reason, "");
    CHECK_EQ(result.outcome, Outcome::kOptimized);
    CHECK_EQ(result.optimizer, "tar");
    const auto before = read_tar(input, 100);
    const auto after = read_tar(result.output, 100);
    CHECK_EQ(after->entries.size(), before->entries.size());
    CHECK(after->entries[1].data.size() < before->entries[1].data.size());
    CHECK(after->entries[2].data.size() < before->entries[2].data.size());
    CHECK_EQ(after->entries[2].name, "b.zip");
    CHECK_EQ(run(result.output).outcome, Outcome::kNotSmaller);
}

// Whole records of 10240 bytes stay whole records.
void records_stay_whole() {
    const OptimizeResult result = run(tar({{.name = "a.zip", .content = poor_zip(400'000)}}));
    CHECK_EQ(result.outcome, Outcome::kOptimized);
    CHECK_EQ(result.output.size() % 10240, 0u);
}

struct Untouched {
    const char* name;
    std::vector<Member> extra;
    Outcome outcome;
};

void what_must_stay_stays() {
    const Untouched kRows[] = {
        {"signature", {{.name = "folder/a.zip.sig"}}, Outcome::kUntouchable},
        {"armored signature", {{.name = "folder/a.zip.asc"}}, Outcome::kUntouchable},
        {"checksums", {{.name = "SHA256SUMS"}}, Outcome::kUntouchable},
        {"sparse", {{.name = "s", .type = 'S'}}, Outcome::kUntouchable},
        {"broken checksum", {{.name = "s", .checksum_off = 5}}, Outcome::kMalformed},
    };
    for (const Untouched& row : kRows) {
        std::vector<Member> all = members();
        all.insert(all.end(), row.extra.begin(), row.extra.end());
        CHECK_EQ(run(tar(all)).outcome, row.outcome, row.name);
    }
    Options few;
    few.max_entries = 4;
    CHECK_EQ(run(tar(members()), few).outcome, Outcome::kOverBudget);
    CHECK_EQ(run(tar({{.name = "note.txt", .content = "text"}})).outcome, Outcome::kNotSmaller);
}

void seals_are_known_by_name() {
    for (const char* name : {"x/.MTREE", ".PKGINFO", "repo/.git/index", ".git/HEAD", "blobs/sha256/ab",
                             "oci-layout", "abc/layer.tar", "SHASUMS256.txt", "sha256sum.txt", "md5sums",
                             "d/CHECKSUMS", "Manifest", "x-1.0.dist-info/RECORD", "a.p7s", "bagit.txt"}) {
        CHECK(sealed_by_names({"a", name}).has_value(), name);
    }
    for (const char* name :
         {"letter.asc", "summary.txt", "manifesto.doc", "gitlog", "shasta.jpg", "manifest.xml"}) {
        CHECK(!sealed_by_names({"a", name}).has_value(), name);
    }
}

// ---- verify

Attempt honest() {
    const OptimizeResult result = run(tar(members(), 512));
    const auto after = read_tar(result.output, 100);
    Attempt attempt;
    attempt.outcome = Outcome::kOptimized;
    attempt.output = result.output;
    for (const std::size_t i : {1u, 2u}) {
        attempt.changes.push_back({i, sha256(slice(result.output, after->entries[i].data))});
    }
    return attempt;
}

std::string verdict(const Attempt& attempt) {
    const Options options;
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, nullptr, {}};
    return verify_tar(tar(members(), 512), attempt, context);
}

// Sets a byte of an entry's header and mends its checksum.
void bend_header(Attempt& a, std::size_t index, std::size_t at) {
    const auto archive = read_tar(a.output, 100);
    const std::span<std::uint8_t> block =
        std::span<std::uint8_t>(a.output).subspan(archive->entries[index].header, 512);
    block[at] ^= 1;
    write_tar_octal(block.subspan(148, 8), tar_checksum(block));
}

std::size_t data_at(const Attempt& a, std::size_t index) {
    return read_tar(a.output, 100)->entries[index].data.begin;
}

// Drops an entry, or puts it before another.
void move_record(Attempt& a, std::size_t index, bool keep) {
    const auto archive = read_tar(a.output, 100);
    const TarEntry& entry = archive->entries[index];
    const Bytes record(a.output.begin() + static_cast<std::ptrdiff_t>(entry.record_begin),
                       a.output.begin() + static_cast<std::ptrdiff_t>(entry.record_end));
    a.output.erase(a.output.begin() + static_cast<std::ptrdiff_t>(entry.record_begin),
                   a.output.begin() + static_cast<std::ptrdiff_t>(entry.record_end));
    if (keep) a.output.insert(a.output.begin(), record.begin(), record.end());
}

struct Forgery {
    const char* name;
    void (*bend)(Attempt&);
    const char* reason;
};

constexpr Forgery kForgeries[] = {
    {"member lost", [](Attempt& a) { move_record(a, 3, false); }, "number of entries"},
    {"changed member lost", [](Attempt& a) { move_record(a, 1, false); }, "number of entries"},
    {"reordered", [](Attempt& a) { move_record(a, 4, true); }, "differs"},
    {"mode", [](Attempt& a) { bend_header(a, 1, 106); }, "header of a member"},
    {"mtime", [](Attempt& a) { bend_header(a, 1, 146); }, "header of a member"},
    {"uid", [](Attempt& a) { bend_header(a, 1, 114); }, "header of a member"},
    {"user", [](Attempt& a) { bend_header(a, 1, 266); }, "header of a member"},
    {"name", [](Attempt& a) { bend_header(a, 1, 8); }, "header of a member"},
    {"name of an unchanged one", [](Attempt& a) { bend_header(a, 3, 1); }, "not to change"},
    {"link's target", [](Attempt& a) { bend_header(a, 4, 157); }, "not to change"},
    {"pax record", [](Attempt& a) { a.output[read_tar(a.output, 9)->entries[2].header - 512 + 8] ^= 1; },
     "header"},
    {"content", [](Attempt& a) { a.output[data_at(a, 3)] ^= 1; }, "not to change"},
    {"changed content", [](Attempt& a) { a.output[data_at(a, 1) + 60] ^= 1; }, "not what was verified"},
    {"padding", [](Attempt& a) { a.output[read_tar(a.output, 9)->entries[3].record_end - 1] ^= 1; },
     "not to change"},
    {"claim missing", [](Attempt& a) { a.changes.pop_back(); }, "not to change"},
    {"claim on a folder",
     [](Attempt& a) {
         a.changes.push_back({0, sha256({})});
     },
     "no plain file"},
    {"false digest", [](Attempt& a) { a.changes[0].content[0] ^= 1; }, "not what was verified"},
    {"trailing bytes", [](Attempt& a) { a.output.push_back('x'); }, "result:"},
    {"truncated", [](Attempt& a) { a.output.resize(a.output.size() - 512); }, "result:"},
    {"truncated in a member", [](Attempt& a) { a.output.resize(a.output.size() / 2); }, "result:"},
};

void forgeries_are_seen() {
    CHECK_EQ(verdict(honest()), "");
    for (const Forgery& row : kForgeries) {
        Attempt attempt = honest();
        row.bend(attempt);
        const std::string why = verdict(attempt);
        CHECK(why.find(row.reason) != std::string::npos && !why.empty(), std::string(row.name) + ": " + why);
    }
}

void verifying_keeps_the_deadline() {
    const Options options;
    Budget budget(Deadline::in_ms(0), options);
    Context context{options, budget, 0, nullptr, {}};
    CHECK(!verify_tar(tar(members(), 512), honest(), context).empty());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(members_become_smaller), TEST(records_stay_whole),
                                TEST(what_must_stay_stays),   TEST(seals_are_known_by_name),
                                TEST(forgeries_are_seen),     TEST(verifying_keeps_the_deadline)};
    initialize_optimizers();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
