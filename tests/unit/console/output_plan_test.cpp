// SPDX-License-Identifier: Apache-2.0
#include "console/output_plan.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/memfd.hpp"
#include "check.hpp"

namespace optimilter {
namespace {

namespace fs = std::filesystem;

// A fresh folder a test:  in/a.jpg  in/b.jpg  other/a.jpg  out/
struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "optimilter-output.XXXXXX").string();
        CHECK(::mkdtemp(name.data()) != nullptr);
        root = name;
        for (const char* folder : {"in", "other", "out"}) fs::create_directory(root / folder);
        for (const char* file : {"in/a.jpg", "in/b.jpg", "other/a.jpg"}) write(file, file);
    }
    ~Folder() { fs::remove_all(root); }

    void write(const std::string& name, std::string_view text) const {
        CHECK(write_output(path(name), as_bytes(text)).has_value());
    }
    std::string path(const std::string& name) const { return (root / name).string(); }
    std::string content(const std::string& name) const {
        const auto bytes = read_file(path(name).c_str(), 1000);
        return bytes ? std::string(as_text(*bytes)) : "(none)";
    }

    fs::path root;
};

std::string refusal(const std::string& output, const std::vector<std::string>& inputs) {
    const auto plan = plan_output(output, inputs);
    return plan ? std::string() : plan.error().text;
}

void test_targets() {
    const Folder f;
    const auto one = plan_output(f.path("new.jpg"), {f.path("in/a.jpg")});
    CHECK(one.has_value());
    CHECK_EQ(one->targets.at(0), f.path("new.jpg"));
    const auto two = plan_output(f.path("out") + "/", {f.path("in/a.jpg"), f.path("in/b.jpg")});
    CHECK(two.has_value());
    CHECK_EQ(two->targets.at(1), f.path("out/b.jpg"));
    CHECK(plan_output("", {f.path("in/a.jpg")})->targets.empty());
    CHECK_EQ(refusal(f.path("out"), {f.path("in/a.jpg")}), "");
}

void test_refused() {
    const Folder f;
    fs::create_symlink(f.path("other"), f.path("link"));
    fs::create_symlink(f.path("elsewhere"), f.path("out/a.jpg"));
    fs::create_hard_link(f.path("in/a.jpg"), f.path("out/b.jpg"));
    fs::create_directory(f.path("out/c.jpg"));
    f.write("in/c.jpg", "c");
    struct Case {
        const char* name;
        std::string output;
        std::vector<std::string> inputs;
    };
    const Case kCases[] = {
        {"two inputs, one file", f.path("new.jpg"), {f.path("in/a.jpg"), f.path("in/b.jpg")}},
        {"no such directory", f.path("none") + "/", {f.path("in/a.jpg")}},
        {"parent does not exist", f.path("none/x.jpg"), {f.path("in/a.jpg")}},
        {"same base name", f.path("other"), {f.path("in/a.jpg"), f.path("other/a.jpg")}},
        {"same input twice", f.path("out"), {f.path("in/a.jpg"), f.path("in/a.jpg")}},
        {"overwrites its input", f.path("in"), {f.path("in/a.jpg")}},
        {"overwrites its input by name", f.path("in/a.jpg"), {f.path("in/a.jpg")}},
        {"overwrites another input", f.path("in/b.jpg"), {f.path("in/a.jpg"), f.path("in/b.jpg")}},
        {"hard link to an input", f.path("out/b.jpg"), {f.path("in/a.jpg")}},
        {"directory is a link", f.path("link"), {f.path("in/b.jpg")}},
        {"directory is a link with a slash", f.path("link") + "/", {f.path("in/b.jpg")}},
        {"target is a dangling link", f.path("out"), {f.path("in/a.jpg")}},
        {"target is a directory", f.path("out"), {f.path("in/c.jpg")}},
    };
    for (const Case& c : kCases) CHECK(!refusal(c.output, c.inputs).empty(), c.name);
}

void test_write_replaces_whole_files() {
    const Folder f;
    f.write("out/x", "first, longer");
    f.write("out/x", "second");
    CHECK_EQ(f.content("out/x"), "second");
    CHECK_EQ(std::distance(fs::directory_iterator(f.path("out")), fs::directory_iterator()), 1);
}

void test_write_never_follows_a_link() {
    const Folder f;
    fs::create_symlink(f.path("in/a.jpg"), f.path("out/x"));
    f.write("out/x", "new");
    CHECK_EQ(f.content("in/a.jpg"), "in/a.jpg");
    CHECK(!write_output(f.path("none/x"), as_bytes("x")).has_value());
}

}  // namespace
}  // namespace optimilter

int main() {
    using namespace optimilter;
    const CMUnitTest tests[] = {TEST(test_targets), TEST(test_refused), TEST(test_write_replaces_whole_files),
                                TEST(test_write_never_follows_a_link)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
