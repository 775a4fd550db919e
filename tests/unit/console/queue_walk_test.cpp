// SPDX-License-Identifier: Apache-2.0
#include "console/queue_walk.hpp"

#include <fmt/format.h>

#include <set>

#include "check.hpp"
#include "console/queue_names.hpp"
#include "planted_queue.hpp"

namespace optimilter {
namespace {

QueueName judge(std::string_view name, std::size_t) {
    if (is_postfix_hash_folder(name)) return QueueName::kFolder;
    return is_postfix_queue_id(name) ? QueueName::kMessage : QueueName::kOther;
}

std::multiset<std::string> names_in(const PlantedQueue& queue, const std::string& folder) {
    auto walk = QueueWalk::begin(queue.path(folder), judge);
    CHECK(walk.has_value());
    std::multiset<std::string> names;
    while (const auto message = walk->next()) {
        struct stat file {};
        CHECK_EQ(::fstatat(message->folder, message->name, &file, 0), 0, message->name);
        names.insert(message->name);
    }
    CHECK_EQ(walk->error(), 0);
    return names;
}

void test_flat_and_hashed() {
    const PlantedQueue queue;
    queue.file("flat/AAAAAA1");
    queue.file("flat/AAAAAA2");
    queue.file("one/A/ABBBBB1");
    queue.file("one/F/FBBBBB2");
    queue.file("three/1/2/3/123CCCC");
    queue.file("three/1/2/4/124CCCC");
    queue.file("mixed/DDDDDD1");  // hashing was switched on later
    queue.file("mixed/D/DDDDDD2");
    std::filesystem::create_directories(queue.path("empty/A"));
    using Names = std::multiset<std::string>;
    CHECK((names_in(queue, "flat") == Names{"AAAAAA1", "AAAAAA2"}));
    CHECK((names_in(queue, "one") == Names{"ABBBBB1", "FBBBBB2"}));
    CHECK((names_in(queue, "three") == Names{"123CCCC", "124CCCC"}));
    CHECK((names_in(queue, "mixed") == Names{"DDDDDD1", "DDDDDD2"}));
    CHECK(names_in(queue, "empty").empty());
}

void test_what_is_no_message() {
    const PlantedQueue queue;
    queue.file("q/AAAAAA1");
    queue.file("q/123456.789");       // being made
    queue.file("q/B");                // a file with the name of a folder
    queue.file("q/other/CCCCCC1");    // a folder that is none of the queue
    queue.file("q/DDDDDD1/EEEEEE1");  // a folder with the name of a message
    std::filesystem::create_symlink(queue.path("q/AAAAAA1"), queue.path("q/FFFFFF1"));
    CHECK_EQ(::mkfifo(queue.path("q/ABCDEF1").c_str(), 0600), 0);
    CHECK((names_in(queue, "q") == std::multiset<std::string>{"AAAAAA1"}));
}

void test_depth_is_bounded() {
    const PlantedQueue queue;
    std::string deep = "q";
    for (int i = 0; i < 20; ++i) {
        deep += "/A";
        queue.file(fmt::format("{}/AAAA{:02}", deep, i));
    }
    CHECK_EQ(names_in(queue, "q").size(), QueueWalk::kMostFolders);
}

// A link from a hashed folder to the one above it must not be an endless way.
void test_circles_end() {
    const PlantedQueue queue;
    queue.file("q/A/AAAAAA1");
    std::filesystem::create_directory_symlink(queue.path("q"), queue.path("q/A/B"));
    CHECK(names_in(queue, "q").size() <= QueueWalk::kMostFolders);
}

void test_what_cannot_be_opened() {
    const PlantedQueue queue;
    queue.file("file");
    CHECK_EQ(QueueWalk::begin(queue.path("none"), judge).error().text, "No such file or directory");
    CHECK_EQ(QueueWalk::begin(queue.path("file"), judge).error().text, "Not a directory");
}

// What goes while it is listed is no error, and a walk that is left alone for a while goes on.
void test_folders_vanish() {
    const PlantedQueue queue;
    for (const char* name : {"q/A/AAAAAA1", "q/A/AAAAAA2", "q/B/BBBBBB1", "q/B/BBBBBB2"}) queue.file(name);
    auto walk = QueueWalk::begin(queue.path("q"), judge);
    CHECK(walk->next().has_value());
    queue.remove("q");
    while (walk->next()) {
    }
    CHECK_EQ(walk->error(), 0);
    CHECK(!walk->next());
}

// Every message is listed once, however large the folder.
void test_many() {
    const PlantedQueue queue;
    for (int i = 0; i < 2000; ++i) queue.file(fmt::format("q/{:X}/{:06}", i % 16, i));
    const auto names = names_in(queue, "q");
    CHECK_EQ(names.size(), 2000u);
    CHECK_EQ(std::set<std::string>(names.begin(), names.end()).size(), 2000u);
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_flat_and_hashed),
                                TEST(test_what_is_no_message),
                                TEST(test_depth_is_bounded),
                                TEST(test_circles_end),
                                TEST(test_what_cannot_be_opened),
                                TEST(test_folders_vanish),
                                TEST(test_many)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
