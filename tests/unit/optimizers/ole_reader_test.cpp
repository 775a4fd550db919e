// SPDX-License-Identifier: Apache-2.0
//
// read_ole() against hostile containers, write_ole() against both readers.
#include <functional>

#include "check.hpp"
#include "ole_builder.hpp"
#include "optimizers/ole_second_reader.hpp"
#include "optimizers/ole_writer.hpp"

using namespace optimilter;
using namespace optimilter::ole_builder;

namespace {

constexpr std::uint32_t kEntriesMax = 1000;

std::vector<Node> one_of_everything() {
    return {stream("empty", ""),
            stream("small", std::string(100, 's')),
            stream("middle", std::string(4095, 'm')),
            stream("cutoff", std::string(4096, 'c')),
            stream("large", std::string(20'000, 'l')),
            storage("folder", {stream("inner", std::string(65, 'i')), storage("deeper", {})}),
            stream("\5name", std::string(64, '5'))};
}

std::string content_of(const OleFile& file, std::string_view name) {
    const Bytes* const content = file.root_stream(name);
    CHECK(content != nullptr, name);
    return std::string(as_text(*content));
}

// Offset of a directory entry.
std::size_t entry_at(const Bytes& file, std::size_t id) {
    return 512 + std::size_t{read_le32(&file[48])} * 512 + id * 128;
}
// Offset of the FAT's word for a sector: the builder puts the FAT first.
std::size_t fat_at(std::size_t sector) {
    return 512 + 4 * sector;
}

void reads_everything() {
    for (const std::size_t size : {std::size_t{512}, std::size_t{4096}}) {
        const auto file = read_ole(Builder(size).build(one_of_everything()), kEntriesMax);
        CHECK(file.has_value(), file ? "" : file.error().text);
        CHECK_EQ(file->sector_size, size);
        CHECK_EQ(content_of(*file, "EMPTY"), "");
        CHECK_EQ(content_of(*file, "small"), std::string(100, 's'));
        CHECK_EQ(content_of(*file, "middle"), std::string(4095, 'm'));
        CHECK_EQ(content_of(*file, "cutoff"), std::string(4096, 'c'));
        CHECK_EQ(content_of(*file, "large"), std::string(20'000, 'l'));
        const auto folder = file->find(0, "folder");
        CHECK(folder.has_value() && file->find(*folder, "inner").has_value());
        CHECK(file->root_stream("folder") == nullptr && file->root_stream("inner") == nullptr);
    }
}

struct Broken {
    const char* name;
    std::function<void(Bytes& file)> change;
    const char* want;
};

void refuses_what_is_broken() {
    const Bytes whole = Builder().build(one_of_everything());
    const auto word = [](std::size_t at, std::uint32_t value) {
        return [=](Bytes& file) { write_le32(&file[at], value); };
    };
    const std::size_t large = entry_at(whole, 5);
    const std::uint32_t large_start = read_le32(&whole[large + 116]);
    const std::uint32_t cutoff_start = read_le32(&whole[entry_at(whole, 4) + 116]);
    const std::size_t small = entry_at(whole, 2);
    const std::uint32_t directory = read_le32(&whole[48]);
    const Broken rows[] = {
        {"cut in header", [](Bytes& f) { f.resize(300); }, "file ends in its header"},
        {"magic", [](Bytes& f) { f[0] = 1; }, "not a compound file"},
        {"version", [](Bytes& f) { f[26] = 5; }, "version of the container"},
        {"byte order", [](Bytes& f) { f[28] = 0; }, "version of the container"},
        {"sector shift", [](Bytes& f) { f[30] = 10; }, "unusual sector size"},
        {"mini shift", [](Bytes& f) { f[32] = 7; }, "unusual sector size"},
        {"cutoff", word(56, 512), "unusual sector size"},
        {"FAT count", word(44, 0xFFFFFFF), "more FAT sectors than sectors"},
        {"FAT sector beyond", word(76, 0xFFFFFF), "sector beyond the end of the file"},
        {"FAT sector twice", word(80, 0), "sector with two owners"},
        {"FAT too short", word(44, 0), "bytes after the container"},
        {"bytes after", [](Bytes& f) { f.resize(f.size() + 512 * 512, 'x'); }, "bytes after the container"},
        {"DIFAT beyond",
         [&](Bytes& f) {
             write_le32(&f[44], 110);
             for (std::uint32_t i = 4; i < 109; ++i) write_le32(&f[76 + 4 * i], i + 4);
         },
         nullptr},
        {"chain loop", word(fat_at(large_start + 3), large_start), "sector with two owners"},
        {"chain into another", word(fat_at(large_start + 3), cutoff_start), "sector with two owners"},
        {"chain beyond", word(fat_at(large_start), 0xFFFFF), "sector beyond the end of the file"},
        {"chain into free", word(fat_at(large_start), kNone), "sector beyond the end of the file"},
        {"chain early end", word(fat_at(large_start), kEnd), "chain ends early"},
        {"stream too large", word(large + 120, 0x7FFFFFFF), "stream larger than the file"},
        {"two streams one chain", word(large + 116, cutoff_start), "sector with two owners"},
        {"mini beyond", word(small + 116, 0xFFFF), "broken mini chain"},
        {"mini shared", word(entry_at(whole, 3) + 116, 0), "mini sector with two owners"},
        {"mini FAT beyond", word(60, 0xFFFFF), "sector beyond the end of the file"},
        {"directory loop", word(fat_at(directory), directory), "sector with two owners"},
        {"directory beyond", word(48, 0xFFFFF), "sector beyond the end of the file"},
        {"no root", [&](Bytes& f) { f[entry_at(f, 0) + 66] = 1; }, "no root entry"},
        {"type", [&](Bytes& f) { f[entry_at(f, 1) + 66] = 9; }, "type of a directory entry"},
        {"name length", [&](Bytes& f) { f[entry_at(f, 1) + 64] = 66; }, "name of a directory entry"},
        {"tree loop", word(entry_at(whole, 2) + 72, 1), "directory tree"},
        {"tree to root", word(entry_at(whole, 2) + 68, 0), "directory tree"},
        {"tree beyond", word(entry_at(whole, 2) + 68, 99), "directory tree"},
        {"entry lost", word(entry_at(whole, 2) + 72, kNone), "directory entry outside of the tree"},
        {"root has siblings", word(entry_at(whole, 0) + 72, 1), "root entry with siblings"},
        {"orphan sector", word(fat_at(cutoff_start + 8), kEnd), "sectors in use that belong to nothing"},
    };
    for (const Broken& row : rows) {
        Bytes file = whole;
        row.change(file);
        const auto read = read_ole(file, kEntriesMax);
        CHECK(!read.has_value(), row.name);
        if (row.want != nullptr) CHECK_EQ(read.error().text, row.want, row.name);
        (void)see_ole(file);
    }
    CHECK(read_ole(whole, 4).error().code == ErrorCode::kLimit);
    for (std::size_t part = 0; part < 16; ++part) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() * part / 16));
        CHECK(!read_ole(cut, kEntriesMax).has_value());
        (void)see_ole(cut);
    }
}

// The last sector may end with the last stream.
void takes_a_cut_last_sector() {
    Bytes file = Builder().build({stream("a", std::string(5000, 'a'))});
    const std::size_t directory = entry_at(file, 0);
    CHECK(file.size() > directory + 512);
    file.resize(directory + 512);
    CHECK(read_ole(file, kEntriesMax).has_value());
    file.resize(directory + 500);
    CHECK(!read_ole(file, kEntriesMax).has_value());
}

void check_written(const Bytes& original, const OleReplacements& replacements) {
    const auto file = read_ole(original, kEntriesMax);
    CHECK(file.has_value());
    const Bytes written = write_ole(*file, replacements);
    const auto again = read_ole(written, kEntriesMax);
    CHECK(again.has_value(), again ? "" : again.error().text);
    const auto before = see_ole(original);
    const auto after = see_ole(written);
    CHECK(before.has_value() && after.has_value());
    CHECK_EQ(before->size(), after->size());
    for (std::size_t i = 0; i < before->size(); ++i) {
        const OleSeen& a = (*before)[i];
        const OleSeen& b = (*after)[i];
        CHECK(a.name == b.name && a.kept == b.kept && a.path == b.path && a.id == b.id, a.path);
        const auto found = replacements.find(a.id);
        CHECK(b.content == (found == replacements.end() ? a.content : found->second), a.path);
    }
    // Compact: a second writing has nothing to gain.
    CHECK_EQ(write_ole(*again, {}).size(), written.size());
}

void writes_what_both_readers_read() {
    for (const std::size_t size : {std::size_t{512}, std::size_t{4096}}) {
        const Bytes file = Builder(size).build(one_of_everything());
        check_written(file, {});
        check_written(file, {{5, Bytes(100, 'x')}});   // from sectors to mini sectors
        check_written(file, {{2, Bytes(9000, 'x')}});  // and back
        check_written(file, {{5, Bytes()}, {4, Bytes(4096, 'y')}});
        check_written(Builder(size).build({}), {});
    }
    // More than 109 FAT sectors: the list of them needs sectors of its own, one and two of them.
    const Bytes file = Builder().build({stream("a", "b")});
    check_written(file, {{1, Bytes(9u << 20, 'z')}});
    check_written(file, {{1, Bytes(17u << 20, 'z')}});
}

// Unused entries are all zeros by the standard; Aspose writes ones.
void takes_unused_entries_of_ones() {
    Bytes file = Builder().build(one_of_everything());
    const std::size_t unused = entry_at(file, 10);
    CHECK_EQ(file[unused + 66], 0);
    std::fill_n(&file[unused], 2 * 128, std::uint8_t{0xFF});
    check_written(file, {{5, Bytes(9000, 'x')}});
    const Bytes written = write_ole(*read_ole(file, kEntriesMax), {});
    CHECK_EQ(written[entry_at(written, 11) + 66], 0xFF);
    file[unused] = 0;
    CHECK_EQ(read_ole(file, kEntriesMax).error().text, "type of a directory entry");
}

}  // namespace

int main() {
    const CMUnitTest tests[] = {TEST(reads_everything), TEST(refuses_what_is_broken),
                                TEST(takes_a_cut_last_sector), TEST(writes_what_both_readers_read),
                                TEST(takes_unused_entries_of_ones)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
