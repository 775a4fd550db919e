// SPDX-License-Identifier: Apache-2.0
#include "milter/alert_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.hpp"

namespace optimilter {
namespace {

constexpr std::int64_t kNow = 1'700'000'000;

struct Folder {
    Folder() {
        char name[] = "/tmp/optimilter-alert-XXXXXX";
        CHECK(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const char* name) const { return path + "/" + name; }
    std::string path;
};

std::string content(const std::string& path) {
    std::string text;
    std::ifstream(path) >> text;
    return text;
}

void test_touch() {
    const Folder folder;
    CHECK(touch_alert_file(""));
    CHECK(touch_alert_file(folder.file("alert")));
    CHECK(!content(folder.file("alert")).empty());
    struct stat made {};
    CHECK_EQ(::stat(folder.file("alert").c_str(), &made), 0);
    CHECK_EQ(made.st_mode & 0137u, 0u);
    CHECK(touch_alert_file(folder.file("alert")));
    CHECK(!touch_alert_file(folder.file("no/folder")));
    std::ofstream(folder.file("other")) << "keep";
    CHECK_EQ(::symlink(folder.file("other").c_str(), folder.file("link").c_str()), 0);
    CHECK(!touch_alert_file(folder.file("link")));
    CHECK_EQ(content(folder.file("other")), "keep");
}

// The first change is told at once; those that come too soon are one, at the next flush that may be.
void test_not_too_often() {
    const Folder folder;
    const std::string path = folder.file("alert");
    const auto touched = [&path] { return std::filesystem::remove(path); };
    AlertFile seldom(path, 3'600'000);
    seldom.flush();
    CHECK(!touched());
    seldom.changed();
    CHECK(touched());
    seldom.changed();
    seldom.flush();
    CHECK(!touched());
    AlertFile often(path, 0);
    often.changed();
    often.changed();
    CHECK(touched());
    often.flush();
    CHECK(!touched());
    // What had to wait is not lost.
    AlertFile soon(path, 20);
    soon.changed();
    CHECK(touched());
    soon.changed();
    const Deadline until = Deadline::in_ms(20'000);
    while (!std::filesystem::exists(path) && !until.expired()) soon.flush();
    CHECK(touched());
    AlertFile("/nonexistent/alert").changed();
    AlertFile("").changed();
}

void test_an_orderly_life() {
    const Folder folder;
    const LifeMark mark(folder.file("alert"));
    for (int i = 0; i < 3; ++i) {
        CHECK(!mark.begin(100 + i, kNow));
        CHECK(::access(folder.file("alert.running").c_str(), F_OK) == 0);
        mark.end();
        CHECK(::access(folder.file("alert.running").c_str(), F_OK) != 0);
    }
}

void test_losses_are_counted_for_an_hour() {
    const Folder folder;
    const LifeMark mark(folder.file("alert"));
    CHECK(!mark.begin(100, kNow));
    auto losses = mark.begin(101, kNow + 10);
    CHECK(losses && losses->count == 1 && losses->first == kNow + 10 && losses->last_pid == 100);
    CHECK_EQ(describe_losses(*losses),
             "the engine (pid 100) ended without being asked to, and was started again");
    losses = mark.begin(102, kNow + 600);
    CHECK(losses && losses->count == 2 && losses->first == kNow + 10 && losses->last_pid == 101);
    CHECK(describe_losses(*losses).ends_with("; that is 2 times since 22:13 UTC"));
    losses = mark.begin(103, kNow + 10 + 3600);
    CHECK(losses && losses->count == 1 && losses->last_pid == 102);
    mark.end();
    CHECK(!mark.begin(104, kNow + 8000));
}

// A mark that nobody understands is the mark of an engine; a clock set back starts anew.
void test_odd_marks() {
    for (const char* text : {"", "x", "1 2", "99999999999999999999 1 1", "-1 4294967295 -5"}) {
        const Folder folder;
        std::ofstream(folder.file("alert.running")) << text;
        const auto losses = LifeMark(folder.file("alert")).begin(7, kNow);
        CHECK(losses && losses->count == 1 && losses->first == kNow, text);
    }
    const Folder folder;
    std::ofstream(folder.file("alert.running")) << "5 3 " << kNow + 100;
    CHECK_EQ(LifeMark(folder.file("alert")).begin(7, kNow)->count, 1u);
}

void test_without_a_place() {
    CHECK(!LifeMark("").begin(1, kNow));
    LifeMark("").end();
    const LifeMark nowhere("/nonexistent/alert");
    CHECK(!nowhere.begin(1, kNow));
    nowhere.end();
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {
        TEST(test_touch),           TEST(test_not_too_often),
        TEST(test_an_orderly_life), TEST(test_losses_are_counted_for_an_hour),
        TEST(test_odd_marks),       TEST(test_without_a_place),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
