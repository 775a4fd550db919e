// SPDX-License-Identifier: Apache-2.0
#include "store/disk_cache.hpp"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "check.hpp"
#include "stored_results.hpp"

namespace optimilter {
namespace {

constexpr std::uint64_t kLimit = 16u << 20;

std::unique_ptr<DiskCache> opened(const std::string& file, std::uint64_t limit = kLimit) {
    auto cache = std::make_unique<DiskCache>(file, limit);
    cache->tend();
    return cache;
}

// SQL from outside, as damage or another program.
void run_sql(const std::string& file, const char* sql) {
    sqlite3* db = nullptr;
    CHECK_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
}

void overwrite(const std::string& file, std::streamoff at, std::size_t size) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream << std::string(size, '\x55');
}

void test_outlives_the_engine() {
    const TestFolder folder;
    const std::string file = folder.file("cache.db");
    {
        const auto cache = opened(file);
        CHECK(cache->is_open());
        cache->keep(key_of(1), optimized(100'000));
        cache->keep(key_of(2), not_smaller());
        cache->touch(key_of(2));
        CHECK(!cache->find(key_of(3)).has_value());
    }
    const auto cache = opened(file);
    CHECK(same(*cache->find(key_of(1)), optimized(100'000)));
    CHECK(same(*cache->find(key_of(2)), not_smaller()));
    struct stat found {};
    CHECK_EQ(::stat(file.c_str(), &found), 0);
    CHECK_EQ(found.st_mode & 0777, 0600u);
}

void test_stays_within_its_size() {
    const TestFolder folder;
    const std::string file = folder.file("cache.db");
    const auto cache = opened(file);
    for (std::uint32_t i = 0; i < 300; ++i) {
        cache->keep(key_of(i), optimized(200'000, static_cast<std::uint8_t>(i)));
        if (i % 10 == 0) cache->keep(key_of(1000), optimized(2 * kLimit / 8));  // too large a share
    }
    struct stat found {};
    CHECK_EQ(::stat(file.c_str(), &found), 0);
    CHECK(found.st_size <= static_cast<off_t>(kLimit));
    CHECK(same(*cache->find(key_of(299)), optimized(200'000, 299 & 0xFF)));
    CHECK(!cache->find(key_of(0)).has_value());
    CHECK(!cache->find(key_of(1000)).has_value());
}

// Each kind of damage costs what was remembered, and the next round begins anew.
void test_damage_begins_anew() {
    struct Case {
        const char* name;
        void (*damage)(const std::string& file);
    };
    const Case kCases[] = {
        {"value changed",
         [](const std::string& f) { run_sql(f, "UPDATE result SET value = zeroblob(length(value))"); }},
        {"digest lost", [](const std::string& f) { run_sql(f, "UPDATE result SET digest = x''"); }},
        {"table lost",
         [](const std::string& f) { run_sql(f, "DROP TABLE result; PRAGMA user_version = 7"); }},
        {"pages overwritten", [](const std::string& f) { overwrite(f, 16384, 16384 * 3); }},
        {"cut", [](const std::string& f) { CHECK_EQ(::truncate(f.c_str(), 20'000), 0); }},
    };
    for (const Case& c : kCases) {
        const TestFolder folder;
        const std::string file = folder.file("cache.db");
        opened(file)->keep(key_of(1), optimized(100'000));
        c.damage(file);
        const auto cache = opened(file);
        const auto found = cache->find(key_of(1));
        CHECK(!found || same(*found, optimized(100'000)), c.name);
        cache->keep(key_of(2), not_smaller());
        cache->tend();
        cache->keep(key_of(3), optimized(5000));
        const auto kept = cache->find(key_of(3));
        CHECK(kept && same(*kept, optimized(5000)), c.name);
    }
}

// A slip in the settings must cost nobody a file.
void test_foreign_files_are_left_alone() {
    const TestFolder folder;
    const std::string database = folder.file("other.db");
    run_sql(database, "CREATE TABLE precious (x); INSERT INTO precious VALUES (1)");
    ::chmod(database.c_str(), 0600);
    const std::string text = folder.file("text");
    std::ofstream(text) << "precious";
    ::chmod(text.c_str(), 0600);
    const std::string headless = folder.file("headless");
    opened(headless)->keep(key_of(1), not_smaller());
    overwrite(headless, 0, 64);
    const std::string readable = folder.file("readable");
    std::ofstream(readable) << "";
    ::chmod(readable.c_str(), 0644);
    const std::string link = folder.file("link");
    CHECK_EQ(::symlink(text.c_str(), link.c_str()), 0);
    for (const std::string& file : {database, text, headless, readable, link,
                                    folder.file("no/such/folder/cache.db"), std::string("/")}) {
        const auto before = std::filesystem::is_regular_file(file) ? std::filesystem::file_size(file) : 0;
        const auto cache = opened(file);
        CHECK(!cache->is_open(), file);
        cache->tend();
        cache->keep(key_of(1), not_smaller());
        CHECK(!cache->find(key_of(1)).has_value(), file);
        if (before != 0) CHECK_EQ(std::filesystem::file_size(file), before, file);
    }
}

// Two engines, while one replaces the other.
void test_two_share_it() {
    const TestFolder folder;
    const std::string file = folder.file("cache.db");
    const auto old_one = opened(file);
    const auto new_one = opened(file);
    old_one->keep(key_of(1), optimized(1000));
    CHECK(new_one->find(key_of(1)).has_value());
    new_one->keep(key_of(2), optimized(1000));
    CHECK(old_one->find(key_of(2)).has_value());
}

void test_file_removed_while_open() {
    const TestFolder folder;
    const std::string file = folder.file("cache.db");
    const auto cache = opened(file);
    cache->keep(key_of(1), optimized(1000));
    for (const char* ending : {"", "-wal", "-shm"}) ::unlink((file + ending).c_str());
    cache->keep(key_of(2), optimized(1000));
    const auto found = cache->find(key_of(2));
    CHECK(!found || same(*found, optimized(1000)));
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_outlives_the_engine), TEST(test_stays_within_its_size),
                                TEST(test_damage_begins_anew),  TEST(test_foreign_files_are_left_alone),
                                TEST(test_two_share_it),        TEST(test_file_removed_while_open)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
