// SPDX-License-Identifier: Apache-2.0
//
// 7z archives: what is read and refused, members that become smaller, and verify_seven_zip() against results
// that no honest optimizer would write.
#include <array>

#include "check.hpp"
#include "optimizers/deflate.hpp"
#include "optimizers/formats.hpp"
#include "optimizers/lzma_raw.hpp"
#include "optimizers/seven_zip_numbers.hpp"
#include "optimizers/seven_zip_reader.hpp"
#include "optimizers/seven_zip_writer.hpp"
#include "tar_builder.hpp"

using namespace optimilter;
using namespace optimilter::tar_builder;

namespace {

struct File {
    std::string name{};
    std::string content{};
    std::uint32_t attributes = 0x20;
    std::uint8_t time = 7;
};

void put_property(Bytes& to, std::uint8_t id, const Bytes& content) {
    to.push_back(id);
    seven_zip::put_number(to, content.size());
    append(to, content);
}

// FilesInfo: empty streams, names, times of modification, attributes.
Bytes files_property(const std::vector<File>& files) {
    Bytes empty((files.size() + 7) / 8), names = {0}, times = {1, 0}, attributes = {1, 0};
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (files[i].content.empty())
            empty[i / 8] = static_cast<std::uint8_t>(empty[i / 8] | (0x80u >> (i % 8)));
        for (const char c : files[i].name + '\0') {
            names.push_back(static_cast<std::uint8_t>(c));
            names.push_back(0);
        }
        const Bytes time = {0, 0, 0, 0, files[i].time, 0, 0xD9, 1};
        append(times, time);
        Bytes word(4);
        write_le32(word.data(), files[i].attributes);
        append(attributes, word);
    }
    Bytes property = {5};
    seven_zip::put_number(property, files.size());
    put_property(property, 0x0E, empty);
    put_property(property, 0x11, names);
    put_property(property, 0x14, times);
    put_property(property, 0x15, attributes);
    property.push_back(0);
    return property;
}

Bytes seven_zip_of(const std::vector<File>& files, int preset = 0) {
    SevenZipArchive archive;
    archive.files = files_property(files);
    std::vector<ByteView> contents;
    for (const File& file : files) {
        if (!file.content.empty()) contents.push_back(as_bytes(file.content));
    }
    const Options options;
    const Budget budget(Deadline(), options);
    return write_seven_zip(archive, contents, preset, 1u << 20, budget).value();
}

std::vector<File> files() {
    return {{.name = "folder", .attributes = 0x10},
            {.name = "folder/a.zip", .content = poor_zip()},
            {.name = "note.txt", .content = zip_builder::prose(800), .attributes = 0x22},
            {.name = "empty"},
            {.name = "b.zip", .content = poor_zip(30'000, 2), .attributes = 0x81A48020}};
}

OptimizeResult run(const Bytes& input, Options options = {}) {
    Budget budget(Deadline(), options);
    return optimize(input, {}, options, budget);
}

void members_become_smaller() {
    const Bytes input = seven_zip_of(files());
    const auto before = read_seven_zip(input, 10);
    CHECK(before.has_value());
    CHECK_EQ(before->has_content.size(), 5u);
    CHECK_EQ(before->sizes.size(), 3u);
    const OptimizeResult result = run(input);
    CHECK_EQ(result.outcome, Outcome::kOptimized, result.reason);
    const auto after = read_seven_zip(result.output, 10);
    CHECK(after->files == before->files);
    CHECK(after->sizes[0] < before->sizes[0]);
    CHECK_EQ(after->sizes[1], before->sizes[1]);
    CHECK_EQ(run(result.output).outcome, Outcome::kNotSmaller);
}

void what_must_stay_stays() {
    std::vector<File> sealed = files();
    sealed.push_back({.name = "SHA256SUMS", .content = "x"});
    CHECK_EQ(run(seven_zip_of(sealed)).outcome, Outcome::kUntouchable);
    CHECK_EQ(run(seven_zip_of({{.name = "note.txt", .content = "text"}})).outcome, Outcome::kNotSmaller);
    Options few;
    few.max_entries = 4;
    CHECK_EQ(run(seven_zip_of(files()), few).outcome, Outcome::kOverBudget);
    Options small;
    small.max_expanded_bytes = 1000;
    CHECK_EQ(run(seven_zip_of(files()), small).outcome, Outcome::kOverBudget);
    const OptimizeResult bomb = run(seven_zip_of({{.name = "z", .content = std::string(20u << 20, '\0')}}));
    CHECK_EQ(bomb.outcome, Outcome::kOverBudget);
    Bytes longer = seven_zip_of(files());
    longer.push_back('x');
    CHECK_EQ(run(longer).outcome, Outcome::kUntouchable);
}

// One byte, packed by what this identifier of four bytes names; all checksums are right.
Bytes packed_by(const std::array<std::uint8_t, 4>& method) {
    Bytes plain = {1, 4, 6, 0, 1, 9, 1, 0, 7, 0x0B, 1, 0, 1, 0x04};
    append(plain, method);
    append(plain, Bytes{0x0C, 1, 0, 0, 5, 1, 0, 0});
    Bytes file(33, 'x');
    const ByteView magic = as_bytes(std::string_view("7z\xBC\xAF\x27\x1C\0\4", 8));
    std::copy(magic.begin(), magic.end(), file.begin());
    write_le32(&file[12], 1);
    write_le32(&file[16], 0);
    write_le32(&file[20], static_cast<std::uint32_t>(plain.size()));
    write_le32(&file[24], 0);
    write_le32(&file[28], crc32(plain));
    write_le32(&file[8], crc32(ByteView(file).subspan(12, 20)));
    append(file, plain);
    return file;
}

void methods_are_told_apart() {
    const auto aes = read_seven_zip(packed_by({0x06, 0xF1, 0x07, 0x01}), 10);
    CHECK(!aes);
    CHECK_EQ(aes.error().text, "encrypted 7z archive");
    CHECK(!read_seven_zip(seven_zip_of(files()), 10)->unusual_method);
    // zstd, as some forks have it.
    const Bytes zstd = packed_by({0x04, 0xF7, 0x11, 0x01});
    CHECK(read_seven_zip(zstd, 10)->unusual_method);
    const OptimizeResult result = run(zstd);
    CHECK_EQ(result.outcome, Outcome::kUntouchable);
    CHECK_EQ(result.reason, "packed by a method that libarchive does not know");
}

void links_are_seen() {
    std::vector<File> linked = files();
    linked.push_back({.name = "link", .content = "note.txt", .attributes = 0xA1FF8020});
    const OptimizeResult result = run(seven_zip_of(linked));
    CHECK_EQ(result.outcome, Outcome::kUntouchable);
    CHECK_EQ(result.reason, "7z archive with symbolic links");
}

void damage_is_bounded() {
    const Bytes file = seven_zip_of(files());
    for (std::size_t size = 0; size < file.size(); size += 7) {
        CHECK(!read_seven_zip(ByteView(file).first(size), 10), std::to_string(size));
    }
    for (std::size_t at = 0; at < file.size(); at += 5) {
        Bytes bent = file;
        bent[at] ^= 0x20;
        // Version numbers and the end of the packed header may differ without any effect.
        if (run(bent).outcome != Outcome::kOptimized) continue;
        CHECK(read_seven_zip(bent, 10)->files == read_seven_zip(file, 10)->files, std::to_string(at));
    }
}

void numbers_come_back() {
    for (const std::uint64_t value :
         {0ull, 1ull, 127ull, 128ull, 16383ull, 16384ull, 0xFFFFFFull, 1ull << 35, ~0ull}) {
        Bytes bytes;
        seven_zip::put_number(bytes, value);
        seven_zip::HeaderFeed feed(bytes);
        CHECK_EQ(feed.number(), value);
        CHECK(feed.at_end() && !feed.broken());
    }
}

void lzma_is_checked() {
    const std::string text = zip_builder::prose(5000);
    const auto raw = encode_lzma1(as_bytes(text));
    CHECK_EQ(as_text(*decode_lzma(raw->packed, raw->properties, text.size())), std::string_view(text));
    CHECK(!decode_lzma(raw->packed, raw->properties, text.size() + 1));
    CHECK(!decode_lzma(raw->packed, ByteView(raw->properties).first(3), text.size()));
    CHECK(!decode_lzma(ByteView(raw->packed).first(20), raw->properties, text.size()));
}

// ---- verify

std::string verdict(const Attempt& attempt) {
    const Options options;
    Budget budget(Deadline(), options);
    Context context{options, budget, 0, nullptr, {}};
    return verify_seven_zip(seven_zip_of(files()), attempt, context);
}

struct Forgery {
    const char* name;
    void (*bend)(std::vector<File>&, Attempt&);
    const char* reason;
};

const std::string kSmaller = poor_zip(9'000);

void change(std::vector<File>& f, Attempt& a) {
    f[1].content = kSmaller;
    a.changes = {{1, sha256(as_bytes(kSmaller))}};
}

constexpr Forgery kForgeries[] = {
    {"honest", change, ""},
    {"nothing changed", [](std::vector<File>&, Attempt&) {}, ""},
    {"member lost", [](std::vector<File>& f, Attempt&) { f.pop_back(); }, "properties"},
    {"empty file lost", [](std::vector<File>& f, Attempt&) { f.erase(f.begin() + 3); }, "properties"},
    {"reordered", [](std::vector<File>& f, Attempt&) { std::swap(f[1], f[4]); }, "properties"},
    {"contents exchanged", [](std::vector<File>& f, Attempt&) { std::swap(f[1].content, f[4].content); },
     "content"},
    {"name", [](std::vector<File>& f, Attempt&) { f[2].name = "note.tyt"; }, "properties"},
    {"time", [](std::vector<File>& f, Attempt&) { f[2].time = 8; }, "properties"},
    {"attributes", [](std::vector<File>& f, Attempt&) { f[2].attributes = 0x20; }, "properties"},
    {"content", [](std::vector<File>& f, Attempt&) { f[2].content[5] ^= 1; }, "content differs"},
    {"content cut", [](std::vector<File>& f, Attempt&) { f[2].content.pop_back(); }, "content differs"},
    {"content emptied", [](std::vector<File>& f, Attempt&) { f[2].content.clear(); }, "properties"},
    {"not claimed", [](std::vector<File>& f, Attempt&) { f[1].content = kSmaller; }, "content differs"},
    {"false claim",
     [](std::vector<File>& f, Attempt& a) {
         change(f, a);
         a.changes[0].content[0] ^= 1;
     },
     "not what was verified"},
    {"other format",
     [](std::vector<File>& f, Attempt& a) {
         f[1].content = "GIF89a";
         a.changes = {{1, sha256(as_bytes("GIF89a"))}};
     },
     "format changed"},
};

void forgeries_are_seen() {
    for (const Forgery& row : kForgeries) {
        std::vector<File> bent = files();
        Attempt attempt;
        row.bend(bent, attempt);
        attempt.output = seven_zip_of(bent, 6);
        const std::string why = verdict(attempt);
        const std::string_view want = row.reason;
        CHECK(want.empty() ? why.empty() : why.find(want) != std::string::npos,
              std::string(row.name) + ": " + why);
    }
    Attempt cut;
    cut.output = seven_zip_of(files());
    cut.output.pop_back();
    CHECK(!verdict(cut).empty());
    cut.output = seven_zip_of(files());
    cut.output.push_back('x');
    CHECK(!verdict(cut).empty());
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(members_become_smaller), TEST(what_must_stay_stays),
                                TEST(methods_are_told_apart), TEST(links_are_seen),
                                TEST(damage_is_bounded),      TEST(numbers_come_back),
                                TEST(lzma_is_checked),        TEST(forgeries_are_seen)};
    initialize_optimizers();
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
